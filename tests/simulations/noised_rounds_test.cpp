// Distributed differential privacy in whole simulated runs: the noise that is there, and what it costs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "privacy/accountant.h"
#include "tests/simulations/grid_workload.h"

using namespace fennec;
using namespace fennec::test;

namespace {

/// The same with noise from the devices; no delta reaches the clip norm.
Experiment noised_experiment(int cohort, int rounds = 1) {
  Experiment e = secure_experiment(cohort, rounds);
  e.privacy.secagg.value_bits = 0;
  e.privacy.secagg.clip = 0;
  e.privacy.dp.mechanism = "distributed";
  e.privacy.dp.clip_norm = 0.5;
  e.privacy.dp.noise_multiplier = 4;
  e.privacy.dp.delta = 1e-5;
  return e;
}

double spent_after(std::size_t sums) {
  return epsilon_bound(Accounting::kRdp, {{1, 4, static_cast<std::int64_t>(sums)}}, 1e-5).epsilon;
}

}  // namespace

TEST_CASE("noised rounds: noise from the devices, as wide as the survivors make it, and no figures") {
  for (const int leaves : {0, 3}) {
    CAPTURE(leaves);
    double squares = 0;
    int count = 0;
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      Experiment e = noised_experiment(10);
      e.seed = seed;
      const Outcome outcome = run(e, leaving(leaves, SecAggStep::kMasked));
      const RoundRecord& round = outcome.result.rounds.at(0);
      const auto n = static_cast<double>(round.participants.size());
      REQUIRE(n == 10 - leaves);
      std::vector<double> mean(kValues);
      for (const ParticipantRecord& p : round.participants) {
        const auto set = static_cast<std::size_t>(std::stoul(p.client.name.substr(3)));
        const std::vector<int> grid = grid_delta(outcome.seeds.at(set).back());
        for (std::size_t i = 0; i < kValues; ++i) mean[i] += grid[i] / (kScale * n);
      }
      // Each device adds z·C/√6: of ten, seven survive, and one of those may add nothing.
      const double stddev = 4 * 0.5 / std::sqrt(6.0) / std::sqrt(n);
      for (std::size_t i = 0; i < kValues; ++i) {
        const double error =
            (static_cast<double>(outcome.result.adapter.values()[i]) - mean[i]) / stddev;
        squares += error * error;
        ++count;
      }
      CHECK(std::isnan(round.loss));
      CHECK(std::isnan(round.secure.clipped_share));
      CHECK(round.secure.sums == 1);
      CHECK(round.epsilon == doctest::Approx(spent_after(1)));
      CHECK(outcome.result.privacy.size() == 1);
    }
    CHECK(squares / count == doctest::Approx(1).epsilon(5 * std::sqrt(2.0 / count)));
  }
}

TEST_CASE("noised rounds: a noised sum that is tried again costs again, trained and noised anew") {
  const Outcome outcome = run(noised_experiment(10, 2), leaving(4, SecAggStep::kUnmask));
  REQUIRE(outcome.result.rounds.size() == 2);
  CHECK(outcome.result.rounds[0].reopened.size() == 1);
  CHECK(outcome.result.privacy.size() == 3);
  CHECK(outcome.result.rounds[0].epsilon == doctest::Approx(spent_after(2)));
  CHECK(outcome.result.rounds[1].epsilon == doctest::Approx(spent_after(3)));
  for (const auto& [set, seeds] : outcome.seeds)
    CHECK(std::set<std::uint64_t>(seeds.begin(), seeds.end()).size() == seeds.size());

  Experiment e = noised_experiment(10, 5);
  e.privacy.dp.epsilon = spent_after(3) + 1e-6;
  const Outcome ended = run(e, leaving(4, SecAggStep::kUnmask));
  CHECK(ended.result.rounds.size() == 2);
  CHECK(ended.result.privacy.size() == 3);
  CHECK(ended.result.rounds.back().epsilon <= e.privacy.dp.epsilon);
  REQUIRE(!ended.result.evaluations.empty());
  CHECK(ended.result.evaluations.back().after_round == RoundId{2});
}

TEST_CASE("noised rounds: noised runs repeat themselves, with groups too, for any number of threads") {
  Experiment e = noised_experiment(12, 2);
  e.privacy.secagg.groups = 3;
  e.privacy.secagg.corrupt = 0;
  e.privacy.secagg.dropouts = 0.2;
  e.aggregation.robust = "median";
  const Outcome one = run(e, {}, 1), four = run(e, {}, 4);
  CHECK(one.result.rounds.at(1).secure.sums == 3);
  CHECK(std::equal(one.result.adapter.bytes().begin(), one.result.adapter.bytes().end(),
                   four.result.adapter.bytes().begin()));
  // A device is in one of the groups: the round costs what one sum costs.
  CHECK(one.result.rounds[1].epsilon == doctest::Approx(spent_after(2)));
  e.seed = 2;
  CHECK_FALSE(std::equal(one.result.adapter.bytes().begin(), one.result.adapter.bytes().end(),
                         run(e).result.adapter.bytes().begin()));
}
