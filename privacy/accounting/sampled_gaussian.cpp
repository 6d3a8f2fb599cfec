#include "privacy/accounting/sampled_gaussian.h"

#include <cmath>
#include <limits>

#include "core/error.h"
#include "privacy/accounting/log_space.h"

namespace fennec {

namespace {

/// ln A_α for integer α: Σ_i C(α,i)·(1−q)^{α−i}·q^i·e^{(i²−i)/2σ²}.
double log_moment_integer(double q, double sigma, double order) {
  double sum = -kInfinity, log_coefficient = 0;
  for (double i = 0; i <= order; ++i) {
    sum = log_add(sum, log_coefficient + i * std::log(q) + (order - i) * std::log1p(-q) +
                           (i * i - i) / (2 * sigma * sigma));
    log_coefficient += std::log(order - i) - std::log(i + 1);
  }
  return sum;
}

/// ln A_α for real α: both tails of the two-sided series. C(α,i) alternates in sign from i > α+1 on;
/// positive and negative terms are summed apart.
double log_moment_fractional(double q, double sigma, double order) {
  constexpr double kNegligible = -35;  // ln of a term over the sum
  constexpr int kMostTerms = 100000;
  const double variance = sigma * sigma, width = std::sqrt(2.0) * sigma;
  const double crossing = variance * std::log(1 / q - 1) + 0.5;
  double positive = -kInfinity, negative = -kInfinity, log_coefficient = 0;
  double previous_lower = kInfinity, previous_upper = kInfinity;
  bool is_positive = true;
  for (int term = 0; term < kMostTerms; ++term) {
    const double i = term, j = order - i;
    const double lower = log_coefficient + i * std::log(q) + j * std::log1p(-q) +
                         (i * i - i) / (2 * variance) + log_erfc((i - crossing) / width) -
                         std::log(2.0);
    const double upper = log_coefficient + j * std::log(q) + i * std::log1p(-q) +
                         (j * j - j) / (2 * variance) + log_erfc((crossing - j) / width) -
                         std::log(2.0);
    double& sum = is_positive ? positive : negative;
    sum = log_add(sum, log_add(lower, upper));
    const bool falling = lower < previous_lower && upper < previous_upper;
    if (i > order && falling && std::fmax(lower, upper) - positive < kNegligible)
      return positive > negative ? log_subtract(positive, negative) : kInfinity;
    previous_lower = lower;
    previous_upper = upper;
    if (order < i) is_positive = !is_positive;
    log_coefficient += std::log(std::abs(order - i)) - std::log(i + 1);
  }
  return kInfinity;
}

}  // namespace

double sampled_gaussian_rdp(double sampling_rate, double noise_multiplier, double order) {
  FENNEC_CHECK(sampling_rate >= 0 && sampling_rate <= 1 && noise_multiplier >= 0 && order > 1);
  if (sampling_rate == 0) return 0;
  if (noise_multiplier == 0) return kInfinity;
  if (sampling_rate == 1) return order / (2 * noise_multiplier * noise_multiplier);
  const double log_moment = order == std::floor(order)
                                ? log_moment_integer(sampling_rate, noise_multiplier, order)
                                : log_moment_fractional(sampling_rate, noise_multiplier, order);
  return std::fmax(0, log_moment) / (order - 1);
}

}  // namespace fennec
