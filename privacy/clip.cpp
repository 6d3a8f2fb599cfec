#include "privacy/clip.h"

#include <cmath>
#include <vector>

#include "core/parameter_math.h"

namespace fennec {

Result<ClipReport> clip_l2(std::span<float> delta, double clip_norm) {
  FENNEC_CHECK(clip_norm >= 0);
  if (!all_finite(delta)) return fail(ErrorCode::kNumeric, "the delta holds a NaN or Inf");
  ClipReport report{l2_norm(delta), 1};
  if (clip_norm == 0 || report.norm <= clip_norm) return report;
  float factor = static_cast<float>(clip_norm / report.norm);
  const std::vector<float> original(delta.begin(), delta.end());
  scale(factor, delta);
  while (l2_norm(delta) > clip_norm) {  // rounding may land a hair above
    factor = std::nextafter(factor, 0.0F);
    for (std::size_t i = 0; i < delta.size(); ++i) delta[i] = original[i] * factor;
  }
  report.factor = static_cast<double>(factor);
  return report;
}

}  // namespace fennec
