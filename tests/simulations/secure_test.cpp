// Secure aggregation in whole simulated runs: what is committed is the plain fixed-point sum of those
// who survived, or nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "core/digest.h"
#include "core/rng.h"
#include "simulations/simulation.h"
#include "tests/simulations/arithmetic_workload.h"

using namespace fennec;
using namespace fennec::test;

namespace {

constexpr std::size_t kValues = 40;
constexpr int kValueBits = 16;
constexpr double kLimit = (1 << (kValueBits - 1)) - 1, kScale = 1 << 20;

LayoutPtr grid_layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {kValues}}});
}

/// Whole numbers in place of a training: values on the ring's grid, so that rounding has nothing to do.
std::vector<int> grid_delta(std::uint64_t seed) {
  RandomStream draw(Seed(seed).child("grid"));
  std::vector<int> out(kValues);
  for (int& q : out) q = static_cast<int>(draw.below(2 * 32767)) - 32767;
  return out;
}

/// Each training's plan, by device, in the order they happened.
struct Trainings {
  std::mutex mutex;
  std::map<std::size_t, std::vector<std::uint64_t>> seeds;
};

class GridWork final : public LocalWork {
 public:
  explicit GridWork(Trainings& trainings) : trainings_(trainings) {}
  Result<LocalUpdate> train(const RoundPlan& plan, const ParameterSet& base, const ParameterSet*,
                            std::size_t data_set, const std::stop_token&) override {
    {
      const std::lock_guard lock(trainings_.mutex);
      trainings_.seeds[data_set].push_back(plan.seed);
    }
    auto delta = std::make_shared<ParameterSet>(base.layout());
    const std::vector<int> grid = grid_delta(plan.seed);
    for (std::size_t i = 0; i < kValues; ++i)
      delta->values()[i] = static_cast<float>(static_cast<double>(grid[i]) / kScale);
    LocalUpdate update;
    update.offer.round = plan.round;
    update.offer.base_version = plan.version;
    update.offer.supervised_tokens = static_cast<std::int64_t>(10 + data_set);
    update.offer.metrics = {{"loss", 2.0}};
    update.delta = delta;
    return update;
  }
  Result<EvaluationReport> evaluate(const RoundPlan& plan, const ParameterSet&, std::size_t,
                                    const std::stop_token&) override {
    EvaluationReport report;
    report.round = plan.round;
    report.version = plan.version;
    return report;
  }

 private:
  Trainings& trainings_;
};

class GridWorkload final : public Workload {
 public:
  explicit GridWorkload(std::size_t sets) {
    for (std::size_t i = 0; i < sets; ++i) names_.push_back("set" + std::to_string(i));
  }
  const std::vector<std::string>& data_sets() const override { return names_; }
  std::int64_t train_examples(std::size_t) const override { return 5; }
  std::int64_t train_tokens(std::size_t) override { return 3000; }
  std::int64_t evaluation_tokens(std::size_t) override { return 500; }
  std::unique_ptr<LocalWork> make_work() override { return std::make_unique<GridWork>(trainings); }
  Trainings trainings;

 private:
  std::vector<std::string> names_;
};

Experiment secure_experiment(int cohort, int rounds = 1) {
  Experiment e;
  e.rounds.total = rounds;
  e.rounds.cohort_size = cohort;
  e.rounds.deadline_s = 60;
  e.privacy.secagg.mode = "honest";
  e.privacy.secagg.value_bits = kValueBits;
  e.privacy.secagg.clip = kLimit / kScale;
  e.privacy.secagg.phase_deadline_s = 20;
  return e;
}

struct Outcome {
  SimulationResult result;
  std::map<std::size_t, std::vector<std::uint64_t>> seeds;
};

Outcome run(const Experiment& e, const SimulationFaults& faults = {}, std::size_t threads = 1) {
  const auto n = static_cast<std::size_t>(e.rounds.cohort_size);
  GridWorkload workload(n);
  const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
  Outcome out;
  out.result =
      simulate(e, devices, workload, ParameterSet(grid_layout()), threads, SimulationEvents{}, faults);
  out.seeds = workload.trainings.seeds;
  return out;
}

/// One round: the adapter is exactly the mean of the integers that the participants trained last.
bool is_exact_sum(const Outcome& outcome) {
  std::vector<std::int64_t> sum(kValues);
  const auto& participants = outcome.result.rounds.at(0).participants;
  for (const ParticipantRecord& p : participants) {
    const auto set = static_cast<std::size_t>(std::stoul(p.client.name.substr(3)));
    const std::vector<int> grid = grid_delta(outcome.seeds.at(set).back());
    for (std::size_t i = 0; i < kValues; ++i) sum[i] += grid[i];
  }
  const double unit = 1.0 / (kScale * static_cast<double>(participants.size()));
  for (std::size_t i = 0; i < kValues; ++i)
    if (outcome.result.adapter.values()[i] != static_cast<float>(static_cast<double>(sum[i]) * unit))
      return false;
  return true;
}

/// `count` devices leave before `step` of the first session, never again.
SimulationFaults leaving(int count, SecAggStep step) {
  auto asked = std::make_shared<std::map<ClientId, int>>();
  return {[asked, count, step](const ClientId& client, RoundId) -> std::optional<SecAggStep> {
    const bool first = (*asked)[client]++ == 0;
    const int index = std::stoi(client.name.substr(3));
    return first && index < count ? std::optional(step) : std::nullopt;
  }};
}

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
