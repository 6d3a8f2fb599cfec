#include "privacy/adaptive_clip.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "privacy/discrete_noise.h"

namespace fennec {

double vector_noise_multiplier(double noise_multiplier, double count_stddev) {
  FENNEC_CHECK(noise_multiplier > 0 && noise_multiplier < 2 * count_stddev);
  return 1 /
         std::sqrt(1 / (noise_multiplier * noise_multiplier) - 1 / (4 * count_stddev * count_stddev));
}

double next_clip_norm(const AdaptiveClip& rule, double clip_norm, std::int64_t within,
                      std::int64_t beyond, double expected_cohort, double count_stddev,
                      RandomSource& noise) {
  FENNEC_CHECK(expected_cohort > 0 && count_stddev > 0);
  // In halves: each update adds +1 or −1, the noise has std 2σ_b, rounded up to 1/1024.
  constexpr std::uint64_t kPart = 1024;
  const auto parts = static_cast<std::uint64_t>(std::ceil(2 * count_stddev * kPart));
  RandomBytes bytes(noise);
  const DiscreteGaussian gaussian(parts * parts, kPart * kPart);
  const double halves = static_cast<double>(within - beyond + gaussian(bytes));
  const double share = std::clamp(halves / (2 * expected_cohort) + 0.5, 0.0, 1.0);
  return std::clamp(clip_norm * std::exp(-rule.learning_rate * (share - rule.quantile)), rule.lowest,
                    rule.highest);
}

}  // namespace fennec
