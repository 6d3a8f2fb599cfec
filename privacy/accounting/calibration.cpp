#include "privacy/accounting/calibration.h"

#include <fmt/format.h>

#include "core/error.h"

namespace fennec {

double calibrate_noise(const std::function<double(double)>& epsilon, double target) {
  constexpr double kMost = 1e6, kTolerance = 1e-7;
  FENNEC_CHECK(target > 0);
  double low = 0, high = 1;
  while (!(epsilon(high) <= target)) {
    low = high;
    high *= 2;
    if (high > kMost)
      throw ConfigError(
          fmt::format("no noise multiplier up to {:g} gives an epsilon of {:g}", kMost, target));
  }
  while (high - low > kTolerance) {
    const double middle = (low + high) / 2;
    (epsilon(middle) <= target ? high : low) = middle;
  }
  return high;
}

}  // namespace fennec
