#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "privacy/accountant.h"
#include "simulations/simulation.h"
#include "tests/simulations/arithmetic_workload.h"

using namespace fennec;
using namespace fennec::test;

namespace {

Experiment private_experiment() {
  Experiment e;
  e.rounds.total = 6;
  e.rounds.cohort_size = 5;
  e.rounds.deadline_s = 60;
  e.privacy.dp.mechanism = "central";
  e.privacy.dp.clip_norm = 0.2;
  e.privacy.dp.noise_multiplier = 1;
  e.privacy.dp.delta = 1e-5;
  e.privacy.dp.sampling = "poisson";
  e.privacy.dp.population = 20;
  return e;
}

SimulationResult run(const Experiment& e, std::size_t threads = 1) {
  ArithmeticWorkload workload(20);
  const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
  return simulate(e, devices, workload, ParameterSet(arithmetic_layout()), threads);
}

bool same(const ParameterSet& a, const ParameterSet& b) {
  return std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end());
}

}  // namespace

TEST_CASE("simulated privacy: Poisson cohorts of changing size, each round accounted for") {
  const SimulationResult result = run(private_experiment());
  REQUIRE(result.rounds.size() == 6);
  std::set<std::size_t> sizes;
  for (std::size_t i = 0; i < 6; ++i) {
    sizes.insert(result.rounds[i].participants.size());
    CHECK(result.rounds[i].epsilon ==
          doctest::Approx(
              epsilon_bound(Accounting::kRdp, {{0.25, 1, static_cast<std::int64_t>(i + 1)}}, 1e-5)
                  .epsilon));
  }
  CHECK(sizes.size() > 1);
  CHECK(result.privacy.size() == 6);
}

TEST_CASE("simulated privacy: the same seed gives the same noise, whatever the threads") {
  const Experiment e = private_experiment();
  const SimulationResult one = run(e, 1), three = run(e, 3);
  CHECK(same(one.adapter, three.adapter));
  Experiment other = e;
  other.seed = 2;
  CHECK_FALSE(same(one.adapter, run(other).adapter));
}

TEST_CASE("simulated privacy: the budget ends the run early, with the last evaluation done") {
  Experiment e = private_experiment();
  e.privacy.dp.epsilon = epsilon_bound(Accounting::kRdp, {{0.25, 1, 3}}, 1e-5).epsilon + 1e-6;
  const SimulationResult result = run(e);
  CHECK(result.rounds.size() == 3);
  CHECK(result.rounds.back().epsilon <= e.privacy.dp.epsilon);
  REQUIRE(result.evaluations.size() == 2);
  CHECK(result.evaluations.back().after_round == RoundId{3});
}

TEST_CASE("simulated privacy: local, every round counts in full") {
  Experiment e = private_experiment();
  e.privacy.dp.mechanism = "local";
  e.privacy.dp.sampling = "fixed";
  e.privacy.dp.population = 0;
  const SimulationResult result = run(e);
  CHECK(result.rounds.back().epsilon ==
        doctest::Approx(epsilon_bound(Accounting::kRdp, {{1, 1, 6}}, 1e-5).epsilon));
}
