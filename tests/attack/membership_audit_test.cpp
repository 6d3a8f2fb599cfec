// A privacy audit in one run (Steinke, Nasr, Jagielski 2023, arXiv 2305.08846): many canary devices,
// each in or out by a coin, are guessed from what is released. Too many right guesses refute the ε that
// is claimed; the noise and the accountant are the ones in use.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "coordinator/private_mean.h"
#include "privacy/accountant.h"
#include "privacy/noised_vector.h"

using namespace fennec;

namespace {

constexpr std::size_t kCanaries = 1000;

/// ln P[X = k] for X ~ Binomial(n, p), p < 1.
double log_binomial(std::size_t n, std::size_t k, double p) {
  const auto real = [](std::size_t value) { return static_cast<double>(value); };
  return std::lgamma(real(n) + 1) - std::lgamma(real(k) + 1) - std::lgamma(real(n - k) + 1) +
         real(k) * std::log(p) + real(n - k) * std::log1p(-p);
}

/// Their Theorem 5.2: an upper bound on the chance of at least `right` of `guesses` if the mechanism is
/// (ε, δ)-DP.
double chance(std::size_t guesses, std::size_t right, double epsilon, double delta) {
  const double p = 1 / (1 + std::exp(-epsilon));
  double tail = 0, worst = 0, sum = 0;
  for (std::size_t k = right; k <= guesses; ++k) tail += std::exp(log_binomial(guesses, k, p));
  for (std::size_t i = 1; i <= right; ++i) {
    sum += std::exp(log_binomial(guesses, right - i, p));
    worst = std::max(worst, sum / static_cast<double>(i));
  }
  return tail + 2 * delta * kCanaries * worst;
}

/// The largest ε refuted with 95 % confidence.
double epsilon_at_least(std::size_t guesses, std::size_t right, double delta) {
  double low = 0, high = 50;
  while (high - low > 1e-4) {
    const double middle = (low + high) / 2;
    (chance(guesses, right, middle, delta) <= 0.05 ? low : high) = middle;
  }
  return chance(guesses, right, 0, delta) > 0.05 ? 0 : low;
}

std::vector<bool> tossed(std::uint64_t seed) {
  RandomStream coins(Seed(seed).child("coins"));
  std::vector<bool> is_in(kCanaries);
  for (std::size_t i = 0; i < kCanaries; ++i) is_in[i] = coins.below(2) == 1;
  return is_in;
}

/// Guessed are the surest hundred in and the surest hundred out. @param released  a value a canary
double refuted_epsilon(std::span<const float> released, const std::vector<bool>& is_in, double delta) {
  std::vector<std::size_t> order(kCanaries);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return released[a] < released[b]; });
  // One count of guesses, fixed before anything is seen, or the confidence would not hold.
  constexpr std::size_t kEachSide = 100;
  std::size_t right = 0;
  for (std::size_t i = 0; i < kEachSide; ++i)
    right += (is_in[order[i]] ? 0U : 1U) + (is_in[order[kCanaries - 1 - i]] ? 1U : 0U);
  return epsilon_at_least(2 * kEachSide, right, delta);
}

/// One round over canaries that point in directions of their own.
double measured_epsilon(double noise_multiplier, double delta, std::uint64_t seed) {
  const LayoutPtr layout = std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
          {"x", {static_cast<std::int64_t>(kCanaries)}}});
  DpConfig config;
  config.mechanism = "central";
  config.clip_norm = 0.7;
  config.noise_multiplier = noise_multiplier;
  PrivateMean mean(config, kCanaries / 2.0, config.clip_norm,
                   std::make_unique<SeededRandom>(Seed(seed).child("noise")));
  const ParameterSet base(layout);
  mean.begin(base, RoundId{1});
  const std::vector<bool> is_in = tossed(seed);
  for (std::size_t i = 0; i < kCanaries; ++i) {
    if (!is_in[i]) continue;
    Contribution canary{ClientId{std::to_string(i)}, 1, 1, 1, ParameterSet(layout)};
    canary.delta.values()[i] = 1;
    REQUIRE(mean.accept(std::move(canary)));
  }
  const Result<ParameterSet> noised = mean.finish();
  return refuted_epsilon(noised->values(), is_in, delta);
}

/// The same of a sum to which each canary, in with its direction or out with nothing, adds its share of
/// the noise: no more of them than must. @param added  share of the noise that they do add
double measured_in_a_sum(double noise_multiplier, double added, double delta, std::uint64_t seed) {
  const auto share = noise_share({0.7, noise_multiplier, kCanaries, kCanaries, kCanaries});
  REQUIRE(share);
  NoiseShare less = *share;
  less.variance = static_cast<std::uint64_t>(static_cast<double>(share->variance) * added * added);
  SeededEntropy entropy(Seed(seed).child("noise"));
  const std::vector<bool> is_in = tossed(seed);
  std::vector<std::uint32_t> sum(share->coding.length());
  for (std::size_t i = 0; i < kCanaries; ++i) {
    std::vector<float> delta_of_one(kCanaries);
    delta_of_one[i] = is_in[i] ? 1 : 0;
    const auto coded = code_noised(delta_of_one, less, sha256("session"), entropy);
    REQUIRE(coded);
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += (*coded)[k];
  }
  const VectorMean mean = decode_noised(sum, share->coding, sha256("session"), kCanaries, kCanaries);
  return refuted_epsilon(mean.delta, is_in, delta);
}

double accounted(double noise_multiplier, double delta) {
  return epsilon_bound(Accounting::kRdp, {{1, noise_multiplier, 1}}, delta).epsilon;
}

}  // namespace

TEST_CASE("membership audit: what canaries show stays below what is accounted") {
  constexpr double kDelta = 1e-5;
  for (const double z : {0.7, 1.0, 2.0, 4.0})
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(z);
      CHECK(measured_epsilon(z, kDelta, seed) <= accounted(z, kDelta));
    }
  CHECK(measured_epsilon(1, kDelta, 1) > 0.8);  // a bound that has something to say
}

TEST_CASE("membership audit: it has power: without noise it is large, with a tenth of it it refutes") {
  constexpr double kDelta = 1e-5;
  CHECK(measured_epsilon(0.001, kDelta, 1) > 4);
  CHECK(measured_epsilon(0.2, kDelta, 1) > accounted(2, kDelta));  // claimed 2, added 0.2
}

TEST_CASE("membership audit: noise that the devices add under a sum keeps its promise, less does not") {
  constexpr double kDelta = 1e-5;
  for (const double z : {1.0, 3.0}) {
    CAPTURE(z);
    CHECK(measured_in_a_sum(z, 1, kDelta, 1) <= accounted(z, kDelta));
  }
  CHECK(measured_in_a_sum(1, 1, kDelta, 2) > 0.8);
  CHECK(measured_in_a_sum(2, 0.1, kDelta, 1) > accounted(2, kDelta));
}
