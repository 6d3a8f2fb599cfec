#include "privacy/secagg_vector.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "privacy/entropy.h"
#include "privacy/secagg_plan.h"

using namespace fennec;

namespace {

SecAggPlan plan_of(int cohort, std::size_t values = 300) {
  SecAggPlan plan;
  plan.config.mode = "honest";
  plan.cohort_size = cohort;
  plan.clip_norm = 0.5;
  plan.values = values;
  plan.layout_digest = std::string(64, 'a');
  return plan;
}

}  // namespace

TEST_CASE("device vectors: the sum's mean is the plain weighted mean, figures included") {
  for (const double max_weight : {0.0, 50.0}) {
    CAPTURE(max_weight);
    SecAggPlan plan = plan_of(10);
    plan.config.max_weight = max_weight;
    const RingCoding coding = session_coding(plan);
    const double largest = max_weight > 0 ? max_weight : 1;
    SeededEntropy entropy(Seed(3));
    std::vector<std::uint32_t> sum(coding.length());
    std::vector<double> expected(plan.values);
    double weights = 0, losses = 0;
    for (std::uint64_t u = 0; u < 10; ++u) {
      std::vector<float> delta(plan.values);
      fill_normal(Seed(4).child("delta", u), delta, 0.05F);
      const double tokens = 10.0 * static_cast<double>(u + 1), loss = 0.3 * static_cast<double>(u);
      const double weight = max_weight > 0 ? std::min(tokens, max_weight) : 1;
      const auto coded = code_vector({delta, tokens, loss}, coding, largest, entropy.key());
      REQUIRE(coded);
      CHECK(coded->clipped == 0);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += coded->ring[i];
      for (std::size_t i = 0; i < delta.size(); ++i)
        expected[i] += weight * static_cast<double>(delta[i]);
      weights += weight;
      losses += weight * loss;
    }
    const auto mean = decode_vector(sum, coding, largest, 10);
    REQUIRE(mean);
    CHECK(mean->weight == doctest::Approx(weights).epsilon(1e-6));
    CHECK(mean->loss == doctest::Approx(losses / weights).epsilon(1e-5));
    CHECK(mean->clipped_share == doctest::Approx(0).epsilon(1e-7));
    const double step = coding.clip / static_cast<double>(coding.limit());
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(std::abs(static_cast<double>(mean->delta[i]) - expected[i] / weights) < 20 * step);
  }
}

TEST_CASE("device vectors: what is clipped is counted and told as a share") {
  const RingCoding coding = session_coding(plan_of(4, 8));
  SeededEntropy entropy(Seed(5));
  const std::vector<float> delta = {0.6F, -0.6F, 0.1F, 0, 0, 0, 0, 0.4F};
  const auto coded = code_vector({delta, 1, 1}, coding, 1, entropy.key());
  REQUIRE(coded);
  CHECK(coded->clipped == 2);
  const auto mean = decode_vector(coded->ring, coding, 1, 1);
  REQUIRE(mean);
  CHECK(mean->clipped_share == doctest::Approx(0.25).epsilon(1e-5));
  CHECK(mean->delta[0] == doctest::Approx(0.5).epsilon(1e-5));
}

TEST_CASE("device vectors: nothing that is not finite is coded") {
  const RingCoding coding = session_coding(plan_of(4, 3));
  SeededEntropy entropy(Seed(6));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> bad = {0, nan, 0}, good = {0, 0, 0};
  CHECK(code_vector({bad, 1, 1}, coding, 1, entropy.key()).error().code == ErrorCode::kNumeric);
  CHECK_FALSE(code_vector({good, 1, static_cast<double>(nan)}, coding, 1, entropy.key()));
}

TEST_CASE("session plans: parameters follow the cohort, and what cannot be is said") {
  for (const int n : {3, 10, 100, 1000}) {
    const auto params = session_params(plan_of(n), static_cast<std::uint32_t>(n));
    REQUIRE(params);
    CHECK(check_params(*params));
    CHECK(params->survivors == default_survivors(static_cast<std::uint32_t>(n), 0.3));
    CHECK(params->coding.value_bits == largest_value_bits(static_cast<std::uint32_t>(n)));
    CHECK(params->coding.values == 302);
  }
  SecAggPlan plan = plan_of(10);
  CHECK(session_problem(plan).empty());
  CHECK_FALSE(session_params(plan, 6));  // fewer than the 7 that must survive
  plan.config.corrupt = 0.33;
  CHECK(session_problem(plan).find("a sum over 10 of the 10 devices") != std::string::npos);
  plan = plan_of(1000);
  plan.config.value_bits = 25;  // a sum of 1000 such values could wrap
  CHECK(session_problem(plan).find("22") != std::string::npos);
  CHECK(group_sizes(11, 3) == std::vector<std::uint32_t>{4, 4, 3});
}
