// Secure aggregation in whole simulated runs: what is committed is the plain fixed-point sum of those
// who survived, or nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/digest.h"
#include "tests/simulations/grid_workload.h"

using namespace fennec;
using namespace fennec::test;

namespace {

const std::vector<SecAggStep> kHonestSteps = {SecAggStep::kAdvertise, SecAggStep::kShares,
                                              SecAggStep::kMasked, SecAggStep::kUnmask};

}  // namespace

TEST_CASE("secure rounds: the committed sum is the plain one, nobody missing") {
  for (const int n : {3, 10, 40}) {
    CAPTURE(n);
    const Outcome outcome = run(secure_experiment(n));
    REQUIRE(outcome.result.rounds.size() == 1);
    const RoundRecord& round = outcome.result.rounds[0];
    CHECK(round.participants.size() == static_cast<std::size_t>(n));
    CHECK(is_exact_sum(outcome));
    CHECK(round.loss == doctest::Approx(2).epsilon(0.01));
    CHECK(round.secure.sums == 1);
    CHECK(round.secure.clipped_share == doctest::Approx(0).epsilon(1e-6));
    CHECK(is_sha256_hex(round.secure.transcript));
    CHECK(round.reopened.empty());
    for (const ParticipantRecord& p : round.participants) {  // nothing of single devices
      CHECK(p.num_examples == 0);
      CHECK(std::isnan(p.loss));
      CHECK(std::isnan(p.update_norm));
    }
  }
}

TEST_CASE("secure rounds: as many as may leave at a step leave, and the sum is that of the others") {
  for (const int n : {10, 20}) {
    const int most = n * 3 / 10;
    for (const SecAggStep step : kHonestSteps) {
      CAPTURE(n);
      CAPTURE(std::string(to_string(step)));
      const Outcome outcome = run(secure_experiment(n), leaving(most, step));
      REQUIRE(outcome.result.rounds.size() == 1);
      CHECK(outcome.result.abandoned == 0);
      // Who leaves after its vector came is in the sum.
      const int summed = step == SecAggStep::kUnmask ? n : n - most;
      CHECK(outcome.result.rounds[0].participants.size() == static_cast<std::size_t>(summed));
      CHECK(is_exact_sum(outcome));
    }
  }
}

TEST_CASE("secure rounds: one more than may leave ends the attempt without a sum; the next has one") {
  for (const int n : {3, 10}) {
    const int most = n * 3 / 10;
    for (const SecAggStep step : kHonestSteps) {
      CAPTURE(n);
      CAPTURE(std::string(to_string(step)));
      const Outcome outcome = run(secure_experiment(n), leaving(most + 1, step));
      REQUIRE(outcome.result.rounds.size() == 1);
      const RoundRecord& round = outcome.result.rounds[0];
      REQUIRE(!round.reopened.empty());
      CHECK(round.reopened[0].abort == (step == SecAggStep::kUnmask ? "reconstruct" : "too-few"));
      CHECK(is_exact_sum(outcome));
      for (const auto& [set, seeds] : outcome.seeds)  // an update goes into one session
        CHECK(std::set<std::uint64_t>(seeds.begin(), seeds.end()).size() == seeds.size());
    }
  }
}

TEST_CASE("secure rounds: a hundred devices lose thirty at all steps together, and then too many") {
  const SimulationFaults spread{[](const ClientId& client, RoundId) -> std::optional<SecAggStep> {
    const auto step = static_cast<std::size_t>(std::stoi(client.name.substr(3)) / 10);
    return step < 3 ? std::optional(kHonestSteps[step]) : std::nullopt;
  }};
  const Outcome outcome = run(secure_experiment(100), spread);
  CHECK(outcome.result.rounds.at(0).participants.size() == 70);
  CHECK(is_exact_sum(outcome));
  const Outcome twice = run(secure_experiment(100), leaving(31, SecAggStep::kAdvertise));
  REQUIRE(!twice.result.rounds.at(0).reopened.empty());
  CHECK(twice.result.rounds[0].reopened[0].abort == "too-few");
  CHECK(is_exact_sum(twice));
}

TEST_CASE("secure rounds: against a coordinator that lies, with a quorum and without") {
  Experiment e = secure_experiment(10);
  e.privacy.secagg.mode = "active";
  const Outcome all = run(e, leaving(3, SecAggStep::kConsent));
  CHECK(all.result.abandoned == 0);
  CHECK(all.result.rounds.at(0).participants.size() == 10);
  CHECK(is_exact_sum(all));
  const Outcome torn = run(e, leaving(5, SecAggStep::kConsent));
  REQUIRE(!torn.result.rounds.at(0).reopened.empty());
  CHECK(torn.result.rounds[0].reopened[0].abort == "consistency");
  CHECK(is_exact_sum(torn));
}

TEST_CASE("secure rounds: weights count under the masks, up to their cap") {
  Experiment e = secure_experiment(6);
  e.privacy.secagg.max_weight = 13;  // sets weigh 10, 11, 12, 13, 13, 13
  const Outcome outcome = run(e);
  std::vector<double> sum(kValues);
  double weights = 0;
  for (const auto& [set, seeds] : outcome.seeds) {
    const double weight = std::min(10.0 + static_cast<double>(set), 13.0);
    const std::vector<int> grid = grid_delta(seeds.back());
    for (std::size_t i = 0; i < kValues; ++i) sum[i] += weight * grid[i];
    weights += weight;
  }
  for (std::size_t i = 0; i < kValues; ++i)
    CHECK(std::abs(static_cast<double>(outcome.result.adapter.values()[i]) * kScale -
                   sum[i] / weights) < 4);
  CHECK(outcome.result.rounds[0].supervised_tokens == 72);
}

TEST_CASE("secure rounds: the median of the groups' means") {
  Experiment e = secure_experiment(12);
  e.privacy.secagg.groups = 3;
  e.aggregation.robust = "median";
  const Outcome outcome = run(e);
  const RoundRecord& round = outcome.result.rounds.at(0);
  CHECK(round.secure.sums == 3);
  CHECK(round.participants.size() == 12);
  // Each coordinate is the middle one of three means over four devices: between the extremes of all.
  for (std::size_t i = 0; i < kValues; ++i) {
    int least = 32767, largest = -32767;
    for (const auto& [set, seeds] : outcome.seeds) {
      const int q = grid_delta(seeds.back())[i];
      least = std::min(least, q);
      largest = std::max(largest, q);
    }
    const double value = static_cast<double>(outcome.result.adapter.values()[i]) * kScale;
    CHECK(value >= least);
    CHECK(value <= largest);
  }
}

TEST_CASE("secure rounds: the same seed gives the same bytes for any number of threads") {
  Experiment e = secure_experiment(10, 3);
  DeviceProfileConfig profile;
  profile.session_dropout = 0.15;
  profile.dropout = 0.05;
  e.simulation.profiles = {profile};
  const Outcome one = run(e, {}, 1), four = run(e, {}, 4);
  CHECK(std::equal(one.result.adapter.bytes().begin(), one.result.adapter.bytes().end(),
                   four.result.adapter.bytes().begin()));
  REQUIRE(one.result.rounds.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(one.result.rounds[i].secure.transcript == four.result.rounds[i].secure.transcript);
    CHECK(one.result.rounds[i].wall_s == four.result.rounds[i].wall_s);
  }
}

TEST_CASE("secure rounds: what no cohort can withstand is refused before anything runs") {
  Experiment e = secure_experiment(10);
  e.privacy.secagg.corrupt = 0.33;
  CHECK_THROWS_AS(run(e), ConfigError);
}
