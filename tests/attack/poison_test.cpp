// What a member of the cohort can do to a sum that nobody sees the parts of: docs/privacy.md, row 38.
#include <doctest/doctest.h>

#include <cmath>

#include "coordinator/secure_commit.h"
#include "core/rng.h"
#include "privacy/secagg_plan.h"
#include "privacy/secagg_vector.h"

using namespace fennec;

namespace {

constexpr std::size_t kValues = 64;
constexpr int kDevices = 30;

LayoutPtr layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {kValues}}});
}

SecAggPlan plan_of(int groups) {
  SecAggPlan plan;
  plan.config.mode = "honest";
  plan.config.groups = groups;
  plan.cohort_size = kDevices;
  plan.clip_norm = 1;
  plan.values = kValues;
  plan.layout_digest = layout()->digest();
  return plan;
}

/// The sums of honest devices' vectors, device 0's update times `poison`.
std::vector<SecureSum> sums_of(int groups, float poison) {
  const RingCoding coding = session_coding(plan_of(groups));
  SeededEntropy entropy(Seed(2));
  std::vector<SecureSum> sums(static_cast<std::size_t>(groups));
  for (SecureSum& sum : sums) {
    sum.coding = coding;
    sum.sum.resize(coding.length());
  }
  for (int u = 0; u < kDevices; ++u) {
    std::vector<float> delta(kValues);
    fill_normal(Seed(3).child("delta", static_cast<std::uint64_t>(u)), delta, 0.01F);
    if (u == 0)
      for (float& value : delta) value *= poison;
    const auto coded = code_vector({delta, 1, 1}, coding, 1, entropy.key());
    REQUIRE(coded);
    SecureSum& sum = sums[static_cast<std::size_t>(u % groups)];
    sum.survivors.push_back(ClientId{"d" + std::to_string(u)});
    for (std::size_t i = 0; i < sum.sum.size(); ++i) sum.sum[i] += coded->ring[i];
  }
  return sums;
}

Commit committed(int groups, float poison, const std::string& robust) {
  AggregationConfig config;
  config.robust = robust;
  const auto aggregator = make_aggregator(config);
  const auto optimizer = make_server_optimizer(config);
  return commit_sums(RoundId{1}, ParameterSet(layout()), sums_of(groups, poison), *aggregator,
                     *optimizer);
}

}  // namespace

TEST_CASE("attack 38: one device scales its update a thousandfold") {
  const double honest = committed(1, 1, "").record.update_norm;
  const Commit plain = committed(1, 1000, "");
  CHECK(plain.record.update_norm > 10 * honest);  // the attack has power: a sum hides who did it
  // Its values hit the ring's bound, which caps what it can do and shows in the sum.
  CHECK(plain.record.update_norm <= std::sqrt(double{kValues}) / kDevices * 1.2 + honest);
  CHECK(plain.record.secure.clipped_share > 0.5 / kDevices);
  CHECK(committed(1, 1, "").record.secure.clipped_share == doctest::Approx(0).epsilon(1e-6));
  for (const char* rule : {"median", "geomedian"}) {
    CAPTURE(std::string(rule));
    const double clean = committed(5, 1, rule).record.update_norm;
    CHECK(committed(5, 1000, rule).record.update_norm < 2.5 * clean);
  }
}

TEST_CASE("attack 38: a vector beyond what an honest device can send is found in the sum") {
  std::vector<SecureSum> sums = sums_of(1, 1);
  const RingCoding& coding = sums[0].coding;
  sums[0].sum[5] +=
      static_cast<std::uint32_t>(coding.limit()) * 31;  // thirty devices cannot come to that
  CHECK(check_sum(sums[0].sum, coding, kDevices).error().code == ErrorCode::kNumeric);
}
