#include "privacy/accounting/log_space.h"

#include <algorithm>
#include <limits>
#include <numbers>

#include "core/error.h"

namespace fennec {

double log_add(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  if (low == -std::numeric_limits<double>::infinity()) return high;
  return high + std::log1p(std::exp(low - high));
}

double log_subtract(double a, double b) {
  FENNEC_CHECK(a >= b);
  if (b == -std::numeric_limits<double>::infinity()) return a;
  if (a == b) return -std::numeric_limits<double>::infinity();
  return a + std::log(-std::expm1(b - a));
}

double log_erfc(double x) {
  if (x < 20) return std::log(std::erfc(x));
  // Asymptotic series e^{−x²}/(x√π)·(1 − 1/2x² + 3/4x⁴ − …): beyond 20 what is left out is below 1e-11
  // of it.
  const double t = 1 / (2 * x * x);
  const double series = 1 - t * (1 - 3 * t * (1 - 5 * t * (1 - 7 * t)));
  return -x * x - std::log(x) - 0.5 * std::log(std::numbers::pi) + std::log(series);
}

}  // namespace fennec
