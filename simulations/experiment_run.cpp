#include "simulations/experiment_run.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "aggregation/version.h"
#include "configs/adapter.h"
#include "core/clock.h"
#include "simulations/device_data.h"
#include "simulations/model_workload.h"

namespace fennec {
namespace {

std::size_t training_threads(const SimulationConfig& config) {
  if (config.workers > 0) return static_cast<std::size_t>(config.workers);
  return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace

SimulationResult run_experiment(const Experiment& experiment, RunOutput& output,
                                const std::function<SimulationEvents(SimulationEvents)>& watch) {
  const SteadyClock clock;
  const TimePoint start = clock.now();
  const Seed seed(experiment.seed);
  std::vector<DeviceData> sets = load_data_sets(experiment.data, seed.child("world"));
  const std::size_t data_sets = sets.size();
  ModelWorkload workload(experiment, std::move(sets), output.directory() / "prefix_cache");
  const std::vector<Device> devices =
      make_population(experiment.simulation, workload.data_sets(), seed.child("population"));
  ParameterSet initial = first_version(
      experiment.aggregation,
      initial_adapter(plan_adapter(experiment, experiment.model.base), adapter_seed(experiment)));
  const std::size_t threads = training_threads(experiment.simulation);
  output.begin(devices, data_sets, threads);
  SimulationEvents events = output.events();
  if (watch) events = watch(std::move(events));
  SimulationResult result =
      simulate(experiment, devices, workload, std::move(initial), threads, events);
  output.finish(result, to_seconds(clock.now() - start));
  return result;
}

}  // namespace fennec
