#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/rng.h"
#include "simulations/simulation.h"

namespace fennec::test {

inline constexpr std::size_t kValues = 40;
inline constexpr int kValueBits = 16;
inline constexpr double kLimit = (1 << (kValueBits - 1)) - 1, kScale = 1 << 20;

inline LayoutPtr grid_layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {kValues}}});
}

/// Whole numbers in place of a training: values on the ring's grid, so that rounding has nothing to do.
inline std::vector<int> grid_delta(std::uint64_t seed) {
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
  Result<LocalUpdate> train(const RoundPlan& plan, const ParameterSet& base, const DeviceMemory*,
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
  std::int64_t train_tokens(std::size_t, TrainedBefore) override { return 3000; }
  std::int64_t evaluation_tokens(std::size_t) override { return 500; }
  std::unique_ptr<LocalWork> make_work() override { return std::make_unique<GridWork>(trainings); }
  Trainings trainings;

 private:
  std::vector<std::string> names_;
};

inline Experiment secure_experiment(int cohort, int rounds = 1) {
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

inline Outcome run(const Experiment& e, const SimulationFaults& faults = {}, std::size_t threads = 1) {
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
inline bool is_exact_sum(const Outcome& outcome) {
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
inline SimulationFaults leaving(int count, SecAggStep step) {
  auto asked = std::make_shared<std::map<ClientId, int>>();
  return {[asked, count, step](const ClientId& client, RoundId) -> std::optional<SecAggStep> {
    const bool first = (*asked)[client]++ == 0;
    const int index = std::stoi(client.name.substr(3));
    return first && index < count ? std::optional(step) : std::nullopt;
  }};
}

}  // namespace fennec::test
