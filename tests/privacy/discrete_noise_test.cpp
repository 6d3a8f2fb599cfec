#include "privacy/discrete_noise.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>

using namespace fennec;

namespace {

struct Moments {
  double mean = 0, variance = 0;
};

/// Pearson's statistic of counts against probabilities that sum to 1, and its degrees of freedom; cells
/// that expect less than 10 are pooled.
struct ChiSquare {
  double statistic = 0;
  int freedom = -1;
  /// More than five standard deviations of χ² above its mean: one in two million by chance.
  bool fits() const { return statistic < freedom + 5 * std::sqrt(2.0 * freedom); }
};

ChiSquare chi_square(const std::map<std::int64_t, std::int64_t>& counts,
                     const std::map<std::int64_t, double>& probabilities, double samples) {
  ChiSquare out;
  double rest_expected = samples, rest_seen = samples;
  for (const auto& [value, probability] : probabilities) {
    const double expected = probability * samples;
    if (expected < 10) continue;
    const auto found = counts.find(value);
    const double seen = found == counts.end() ? 0 : static_cast<double>(found->second);
    out.statistic += (seen - expected) * (seen - expected) / expected;
    rest_expected -= expected;
    rest_seen -= seen;
    ++out.freedom;
  }
  if (rest_expected > 10) {
    out.statistic += (rest_seen - rest_expected) * (rest_seen - rest_expected) / rest_expected;
    ++out.freedom;
  }
  return out;
}

/// Probabilities ∝ weight(k) for |k| ≤ reach.
std::map<std::int64_t, double> normalised(std::int64_t reach,
                                          const std::function<double(double)>& weight) {
  std::map<std::int64_t, double> out;
  double sum = 0;
  for (std::int64_t k = -reach; k <= reach; ++k) sum += out[k] = weight(static_cast<double>(k));
  for (auto& [k, probability] : out) probability /= sum;
  return out;
}

}  // namespace

TEST_CASE("discrete noise: uniform_below and bernoulli_exp have their probabilities") {
  SeededRandom source(Seed(1).child("noise_test"));
  RandomBytes bytes(source);
  std::map<std::int64_t, std::int64_t> counts;
  std::map<std::int64_t, double> uniform;
  for (std::int64_t k = 0; k < 300; ++k) uniform[k] = 1.0 / 300;
  for (int i = 0; i < 200000; ++i) ++counts[static_cast<std::int64_t>(uniform_below(bytes, 300))];
  CHECK(chi_square(counts, uniform, 200000).fits());
  CHECK(uniform_below(bytes, 1) == 0);
  const Uint128 wide = (Uint128{1} << 100) + 1;
  for (int i = 0; i < 100; ++i) CHECK(uniform_below(bytes, wide) < wide);
  for (const auto& [numerator, denominator] : {std::pair{1, 3}, {1, 1}, {5, 2}, {0, 1}, {7, 1}}) {
    double hits = 0;
    for (int i = 0; i < 100000; ++i)
      hits += bernoulli_exp(bytes, static_cast<Uint128>(numerator), static_cast<Uint128>(denominator));
    const double p = std::exp(-static_cast<double>(numerator) / denominator);
    CHECK(std::abs(hits / 100000 - p) <= 5 * std::sqrt(p * (1 - p) / 100000));
  }
}

TEST_CASE("discrete noise: the discrete Laplace fits its law") {
  SeededRandom source(Seed(2).child("noise_test"));
  RandomBytes bytes(source);
  for (const std::uint64_t scale : {1U, 5U}) {
    std::map<std::int64_t, std::int64_t> counts;
    for (int i = 0; i < 200000; ++i) ++counts[discrete_laplace(bytes, scale)];
    const auto law =
        normalised(300, [&](double k) { return std::exp(-std::abs(k) / static_cast<double>(scale)); });
    CHECK(chi_square(counts, law, 200000).fits());
  }
}

TEST_CASE(
    "discrete noise: the discrete Gaussian fits its law, at whole, fractional and small variance") {
  SeededRandom source(Seed(3).child("noise_test"));
  RandomBytes bytes(source);
  for (const auto& [numerator, denominator] : {std::pair{25, 1}, {10, 4}, {1, 7}, {81, 1}}) {
    const double variance = static_cast<double>(numerator) / denominator;
    CAPTURE(variance);
    const DiscreteGaussian gaussian(static_cast<std::uint64_t>(numerator),
                                    static_cast<std::uint64_t>(denominator));
    std::map<std::int64_t, std::int64_t> counts;
    for (int i = 0; i < 200000; ++i) ++counts[gaussian(bytes)];
    const auto law = normalised(200, [&](double k) { return std::exp(-k * k / (2 * variance)); });
    CHECK(chi_square(counts, law, 200000).fits());
  }
}

TEST_CASE("discrete noise: a million draws of a wide Gaussian have its mean and its variance") {
  SeededRandom source(Seed(4).child("noise_test"));
  RandomBytes bytes(source);
  const double sigma = 1 << 21;
  const DiscreteGaussian gaussian(std::uint64_t{1} << 42);
  double sum = 0, squares = 0, fourths = 0;
  constexpr int kDraws = 1000000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = static_cast<double>(gaussian(bytes)) / sigma;
    sum += x;
    squares += x * x;
    fourths += x * x * x * x;
  }
  CHECK(std::abs(sum / kDraws) < 5e-3);
  CHECK(squares / kDraws == doctest::Approx(1).epsilon(0.01));
  CHECK(fourths / kDraws == doctest::Approx(3).epsilon(0.02));
}
