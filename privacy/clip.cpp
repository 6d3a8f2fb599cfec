#include "privacy/clip.h"

#include <cmath>

#include "core/parameter_math.h"

namespace fennec {

Result<ClipReport> clip_l2(ParameterSet& delta, double clip_norm) {
  FENNEC_CHECK(clip_norm >= 0);
  if (!all_finite(delta.values())) return fail(ErrorCode::kNumeric, "the delta holds a NaN or Inf");
  ClipReport report{l2_norm(delta.values()), 1};
  if (clip_norm == 0 || report.norm <= clip_norm) return report;
  float factor = static_cast<float>(clip_norm / report.norm);
  const ParameterSet original = delta.clone();
  scale(factor, delta.values());
  while (l2_norm(delta.values()) > clip_norm) {  // rounding may land a hair above
    factor = std::nextafter(factor, 0.0F);
    for (std::size_t i = 0; i < delta.size(); ++i) delta.values()[i] = original.values()[i] * factor;
  }
  report.factor = static_cast<double>(factor);
  return report;
}

}  // namespace fennec
