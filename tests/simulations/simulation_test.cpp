#include "simulations/simulation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "coordinator/commit.h"
#include "tests/simulations/arithmetic_workload.h"

using namespace fennec;
using namespace fennec::test;

namespace {

DeviceProfileConfig steady_profile() {
  DeviceProfileConfig profile;
  profile.speed_spread = 0;
  profile.tokens_per_s = 1000;
  profile.latency_ms = 100;
  profile.uplink_kbps = 8;  // 1000 bytes a second
  profile.downlink_kbps = 16;
  return profile;
}

Experiment small_experiment() {
  Experiment e;
  e.rounds.total = 4;
  e.rounds.cohort_size = 3;
  e.rounds.deadline_s = 60;
  e.simulation.profiles = {steady_profile()};
  return e;
}

SimulationResult run(const Experiment& e, std::size_t sets, std::size_t threads = 1,
                     const SimulationEvents& events = {}) {
  ArithmeticWorkload workload(sets);
  const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
  return simulate(e, devices, workload, ParameterSet(arithmetic_layout()), threads, events);
}

bool same(const ParameterSet& a, const ParameterSet& b) {
  return std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end());
}

}  // namespace

TEST_CASE("a run commits every round and evaluates before the first and after the last") {
  const SimulationResult result = run(small_experiment(), 5);
  REQUIRE(result.rounds.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(result.rounds[i].round.value == static_cast<std::int64_t>(i + 1));
    CHECK(result.rounds[i].participants.size() == 3);
    CHECK(result.rounds[i].loss == 2.0);
  }
  REQUIRE(result.evaluations.size() == 2);
  CHECK(result.evaluations[0].after_round.value == 0);
  CHECK(result.evaluations[1].version.value == 4);
  CHECK(result.evaluations[1].clients == 5);
  CHECK(result.evaluations[0].metric("loss") == 0.0);
  CHECK(result.abandoned == 0);
}

TEST_CASE("time is latency, bytes over bandwidth and tokens over speed") {
  Experiment e = small_experiment();
  e.rounds.total = 2;
  e.rounds.cohort_size = 1;
  const SimulationResult result = run(e, 1);
  REQUIRE(result.rounds.size() == 2);
  const double update_bytes = static_cast<double>(result.rounds[0].bytes_up);
  const double adapter_bytes = static_cast<double>(result.rounds[0].adapter_bytes);
  // plan, training, offer, request, bytes; from the second round on, the new adapter comes first
  const double first = 0.1 + 3.0 + 0.1 + 0.2 + update_bytes / 1000;
  const double second = first + 0.2 + adapter_bytes / 2000;
  CHECK(result.rounds[0].wall_s == doctest::Approx(first).epsilon(1e-9));
  CHECK(result.rounds[1].wall_s == doctest::Approx(second).epsilon(1e-9));
  CHECK(result.rounds[0].bytes_down == 0);
  CHECK(result.rounds[1].bytes_down == result.rounds[0].adapter_bytes);
  // before: plan, 0.5 s of scoring, report; after: the same with the last adapter
  CHECK(result.virtual_s ==
        doctest::Approx(0.7 + first + second + 0.9 + adapter_bytes / 2000).epsilon(1e-9));
}

TEST_CASE("a step goes down in place of a version to who has the one before") {
  Experiment e = small_experiment();
  e.rounds.cohort_size = 1;
  const SimulationResult whole = run(e, 1);
  e.aggregation.downlink = "int8";
  const SimulationResult steps = run(e, 1);
  CHECK_FALSE(same(whole.adapter, steps.adapter));
  CHECK(same(steps.adapter, run(e, 1, 3).adapter));
  for (std::size_t i = 1; i < steps.rounds.size(); ++i) {
    CHECK(whole.rounds[i].bytes_down == whole.rounds[i - 1].adapter_bytes);
    CHECK(steps.rounds[i].bytes_down > 0);
    CHECK(steps.rounds[i].bytes_down < steps.rounds[i - 1].adapter_bytes);
    CHECK(steps.rounds[i].wall_s < whole.rounds[i].wall_s);
  }
  double apart = 0, length = 0;
  for (std::size_t i = 0; i < whole.adapter.size(); ++i) {
    const auto a = static_cast<double>(whole.adapter.values()[i]),
               b = static_cast<double>(steps.adapter.values()[i]);
    apart += (a - b) * (a - b);
    length += a * a;
  }
  CHECK(apart < 1e-4 * length);
}

TEST_CASE("the same seed gives the same bytes for any number of threads, another seed does not") {
  Experiment e = small_experiment();
  e.simulation.devices = 40;
  e.simulation.profiles[0].speed_spread = 0.5;
  e.simulation.profiles[0].dropout = 0.15;
  e.rounds.cohort_size = 12;
  e.rounds.min_updates = 6;
  e.rounds.deadline_s = 10;
  const SimulationResult one = run(e, 7, 1), two = run(e, 7, 2), four = run(e, 7, 4);
  CHECK(same(one.adapter, two.adapter));
  CHECK(same(one.adapter, four.adapter));
  CHECK(one.virtual_s == four.virtual_s);
  REQUIRE(one.rounds.size() == two.rounds.size());
  for (std::size_t i = 0; i < one.rounds.size(); ++i) {
    CHECK(one.rounds[i].adapter_sha256 == two.rounds[i].adapter_sha256);
    CHECK(one.rounds[i].wall_s == two.rounds[i].wall_s);
  }
  e.seed = 2;
  CHECK_FALSE(same(one.adapter, run(e, 7, 1).adapter));
}

TEST_CASE("the adapter is what folding the participants' deltas by hand gives") {
  Experiment e = small_experiment();
  e.rounds.total = 1;
  const SimulationResult result = run(e, 5);
  REQUIRE(result.rounds.size() == 1);
  std::vector<double> sum(8, 0);
  double tokens = 0;
  for (const ParticipantRecord& p : result.rounds[0].participants) {
    ParameterSet delta(arithmetic_layout());
    fill_normal(Seed(e.seed).child("client_round", p.client.name, 1), delta.values(), 0.1F);
    for (std::size_t i = 0; i < 8; ++i)
      sum[i] += static_cast<double>(p.supervised_tokens) * static_cast<double>(delta.values()[i]);
    tokens += static_cast<double>(p.supervised_tokens);
  }
  for (std::size_t i = 0; i < 8; ++i)
    CHECK(result.adapter.values()[i] == doctest::Approx(sum[i] / tokens).epsilon(1e-6));
}

TEST_CASE("devices that are too slow miss the deadline; the round commits with the others") {
  Experiment e = small_experiment();
  e.rounds.cohort_size = 4;
  e.rounds.min_updates = 2;
  e.rounds.deadline_s = 10;
  ArithmeticWorkload workload(4);
  auto devices = make_population(e.simulation, workload.data_sets(), Seed(1));
  devices[1].tokens_per_s = 100;  // 30 s of training
  const SimulationResult result = simulate(e, devices, workload, ParameterSet(arithmetic_layout()), 2);
  REQUIRE(result.rounds.size() == 4);
  for (const RoundRecord& round : result.rounds) {
    CHECK(round.participants.size() == 3);
    CHECK(round.wall_s == doctest::Approx(10));
    for (const ParticipantRecord& p : round.participants) CHECK(p.client.name != "set1");
  }
}

TEST_CASE("vanishing devices are replaced, come back, and no update counts twice") {
  Experiment e = small_experiment();
  e.simulation.devices = 12;
  e.simulation.profiles[0].dropout = 0.4;
  e.rounds.total = 10;
  e.rounds.cohort_size = 4;
  e.rounds.deadline_s = 20;
  const SimulationResult result = run(e, 3, 2);
  CHECK(result.vanished > 5);
  REQUIRE(result.rounds.size() == 10);
  for (const RoundRecord& round : result.rounds) {
    std::set<ClientId> once;
    for (const ParticipantRecord& p : round.participants) CHECK(once.insert(p.client).second);
    CHECK(round.participants.size() == 4);
  }
}

TEST_CASE("a device that vanishes does not train") {
  Experiment e = small_experiment();
  e.simulation.profiles[0].dropout = 1;
  ArithmeticWorkload workload(3);
  const auto devices = make_population(e.simulation, workload.data_sets(), Seed(1));
  try {
    simulate(e, devices, workload, ParameterSet(arithmetic_layout()), 1);
    FAIL("a round without a single update committed");
  } catch (const IoError& error) {
    CHECK(std::string(error.what()).find("without enough updates") != std::string::npos);
  }
  CHECK(workload.trainings == 0);
}

TEST_CASE("only the chosen devices evaluate") {
  Experiment e = small_experiment();
  e.simulation.devices = 30;
  e.simulation.evaluation_devices = 4;
  const SimulationResult result = run(e, 6);
  for (const EvaluationRecord& evaluation : result.evaluations) CHECK(evaluation.clients == 4);
}

TEST_CASE("a cohort larger than the population is a configuration error") {
  Experiment e = small_experiment();
  e.rounds.cohort_size = 9;
  CHECK_THROWS_AS(run(e, 3), ConfigError);
}

TEST_CASE("a server optimizer with memory runs in the simulator too") {
  Experiment e = small_experiment();
  const SimulationResult plain = run(e, 5);
  e.aggregation.server_optimizer = "fedavgm";
  CHECK_FALSE(same(run(e, 5).adapter, plain.adapter));
  e.aggregation.server_momentum = 0;
  CHECK(same(run(e, 5).adapter, plain.adapter));
}

TEST_CASE(
    "over-selection commits every round although devices vanish, and does not wait for slow ones") {
  Experiment e = small_experiment();
  e.simulation.devices = 60;
  e.simulation.profiles[0].speed_spread = 1;
  e.simulation.profiles[0].dropout = 0.1;
  e.rounds.total = 20;
  e.rounds.cohort_size = 20;
  const SimulationResult plain = run(e, 7);
  e.rounds.selection.over = 1.3;
  const SimulationResult over = run(e, 7);
  CHECK(over.abandoned == 0);
  for (const RoundRecord& record : over.rounds) CHECK(record.participants.size() == 20);
  CHECK(over.virtual_s < plain.virtual_s / 2);
  CHECK(same(over.adapter, run(e, 7, 3).adapter));
}

TEST_CASE("a cohort chosen by what clients did is a function of the seed, too") {
  for (const char* method : {"powerofchoice", "oort"}) {
    CAPTURE(std::string(method));
    Experiment e = small_experiment();
    e.simulation.devices = 30;
    e.simulation.profiles[0].speed_spread = 0.8;
    e.rounds.total = 12;
    e.rounds.selection.method = method;
    const SimulationResult one = run(e, 7);
    CHECK(same(one.adapter, run(e, 7, 3).adapter));
    std::set<std::string> seen;
    for (const RoundRecord& record : one.rounds)
      for (const ParticipantRecord& p : record.participants) seen.insert(p.client.name);
    CHECK(seen.size() > 12);
  }
}

TEST_CASE("a buffer as large as the cohort, with devices alike, is synchronous averaging") {
  Experiment e = small_experiment();
  e.rounds.cohort_size = e.simulation.devices = 4;
  const SimulationResult plain = run(e, 1);  // one data set: updates count alike
  e.aggregation.strategy = "fedbuff";
  e.rounds.buffer_size = 4;
  const SimulationResult buffered = run(e, 1);
  CHECK(same(plain.adapter, buffered.adapter));
  CHECK(plain.virtual_s == buffered.virtual_s);
}

TEST_CASE("with a tenfold spread of speed a buffer makes its versions sooner, some updates are stale") {
  Experiment e = small_experiment();
  e.simulation.devices = 20;
  e.simulation.profiles = {steady_profile(), steady_profile()};
  e.simulation.profiles[1].name = "slow";
  e.simulation.profiles[1].tokens_per_s = 100;
  e.rounds.total = 12;
  e.rounds.cohort_size = 20;
  e.rounds.deadline_s = 600;
  const SimulationResult plain = run(e, 5);
  e.aggregation.strategy = "fedbuff";
  e.rounds.buffer_size = 5;
  const SimulationResult one = run(e, 5), four = run(e, 5, 4);
  CHECK(same(one.adapter, four.adapter));
  CHECK(one.virtual_s == four.virtual_s);
  REQUIRE(one.rounds.size() == 12);
  CHECK(one.virtual_s < plain.virtual_s / 3);
  std::set<std::int64_t> ages;
  for (const RoundRecord& record : one.rounds) {
    CHECK(record.participants.size() >= 5);
    for (const ParticipantRecord& p : record.participants) ages.insert(p.staleness);
  }
  CHECK(ages.size() > 1);
  CHECK(*ages.rbegin() <= 20);
}

TEST_CASE("a buffer goes on although devices vanish") {
  Experiment e = small_experiment();
  e.simulation.devices = 20;
  e.simulation.profiles[0].speed_spread = 1;
  e.simulation.profiles[0].dropout = 0.2;
  e.rounds.total = 15;
  e.rounds.cohort_size = 15;
  e.rounds.deadline_s = 60;
  e.aggregation.strategy = "fedbuff";
  e.rounds.buffer_size = 4;
  const SimulationResult one = run(e, 5);
  CHECK(one.rounds.size() == 15);
  CHECK(one.vanished > 0);
  CHECK(same(one.adapter, run(e, 5, 3).adapter));
}
