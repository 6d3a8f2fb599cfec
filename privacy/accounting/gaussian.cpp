#include "privacy/accounting/gaussian.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "privacy/accounting/log_space.h"

namespace fennec {

double gaussian_delta(double noise_multiplier, double epsilon) {
  FENNEC_CHECK(noise_multiplier > 0 && epsilon >= 0);
  const double half = 1 / (2 * noise_multiplier), shift = epsilon * noise_multiplier;
  // e^ε·Φ(−half − shift) with the tail as a logarithm: e^ε alone may overflow.
  const double tail = std::exp(epsilon + log_erfc((half + shift) / std::sqrt(2.0)) - std::log(2.0));
  return std::max(0.0, normal_cdf(half - shift) - tail);
}

double gaussian_epsilon(double noise_multiplier, double delta) {
  FENNEC_CHECK(delta > 0 && delta < 1);
  if (gaussian_delta(noise_multiplier, 0) <= delta) return 0;
  double low = 0, high = 1;
  while (gaussian_delta(noise_multiplier, high) > delta) high *= 2;
  while (high - low > 1e-12 * high) {
    const double middle = (low + high) / 2;
    (gaussian_delta(noise_multiplier, middle) > delta ? low : high) = middle;
  }
  return high;
}

double gaussian_zcdp(double noise_multiplier) {
  FENNEC_CHECK(noise_multiplier > 0);
  return 1 / (2 * noise_multiplier * noise_multiplier);
}

double zcdp_epsilon(double rho, double delta) {
  FENNEC_CHECK(rho >= 0 && delta > 0 && delta < 1);
  if (rho == 0) return 0;
  // RDP(α) = ρα put through the conversion of renyi.h: convex in ln(α−1), so a ternary search finds the
  // order.
  const auto epsilon_at = [&](double log_excess) {
    const double excess = std::exp(log_excess), order = 1 + excess;
    return rho * order + std::log1p(-1 / order) - (std::log(delta) + std::log(order)) / excess;
  };
  double low = std::log(1e-4), high = std::log(1e9);
  for (int i = 0; i < 200; ++i) {
    const double third = (high - low) / 3;
    if (epsilon_at(low + third) > epsilon_at(high - third))
      low += third;
    else
      high -= third;
  }
  return std::max(0.0, epsilon_at((low + high) / 2));
}

double zcdp_epsilon_simple(double rho, double delta) {
  FENNEC_CHECK(rho >= 0 && delta > 0 && delta < 1);
  return rho + 2 * std::sqrt(rho * std::log(1 / delta));
}

}  // namespace fennec
