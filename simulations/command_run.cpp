#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "client/local_round.h"
#include "coordinator/privacy_account.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/lora_layout.h"
#include "model/compute_threads.h"
#include "simulations/commands.h"
#include "simulations/device_data.h"
#include "simulations/model_workload.h"
#include "simulations/run_output.h"
#include "simulations/simulation.h"

namespace fennec {
namespace {

struct Options {
  std::string config, out;
  std::vector<std::string> overrides;
  bool json = false;
};

std::size_t training_threads(const SimulationConfig& config) {
  if (config.workers > 0) return static_cast<std::size_t>(config.workers);
  return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

int run(const Options& options) {
  const SteadyClock clock;
  const TimePoint start = clock.now();
  const Experiment experiment = load_experiment(options.config, options.overrides);
  set_compute_threads(
      1);  // devices train side by side; one that used several cores would not be faster in all
  const Seed seed(experiment.seed);
  std::vector<DeviceData> sets = load_data_sets(experiment.data, seed.child("world"));
  const std::size_t data_sets = sets.size();
  ModelWorkload workload(experiment, std::move(sets));
  const std::vector<Device> devices =
      make_population(experiment.simulation, workload.data_sets(), seed.child("population"));
  ParameterSet initial =
      initial_lora(adapter_layout(experiment, experiment.model.base), seed.child("adapter_init"));

  const std::size_t threads = training_threads(experiment.simulation);
  RunOutput output(experiment, options.out.empty() ? "out/" + experiment.name : options.out,
                   options.json);
  output.begin(devices, data_sets, threads);
  const SimulationResult result =
      simulate(experiment, devices, workload, std::move(initial), threads, output.events());
  output.finish(result, to_seconds(clock.now() - start));
  if (result.rounds.size() == static_cast<std::size_t>(experiment.rounds.total)) return 0;
  const auto privacy = privacy_account(experiment, result.privacy);
  log::warn("{}", privacy->why_shorter(static_cast<std::int64_t>(result.rounds.size()),
                                       experiment.rounds.total));
  return 3;
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("run", "an experiment on emulated devices, on virtual time");
  command->add_option("EXPERIMENT", options->config, "experiment YAML (configs/recipes/*.yaml)")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--out", options->out,
                      "directory for metrics, report and adapter (default: out/<name>)");
  command
      ->add_option("--set", options->overrides,
                   "replace a key of the file, as in rounds.total=3; may be repeated")
      ->allow_extra_args(false);
  command->add_flag("--json", options->json, "one JSON object a line on stdout");
  command->footer(
      "Example:\n  fennec-sim run configs/recipes/sim_1000.yaml --out out/sim_1000 --set "
      "rounds.total=3\n");
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace fennec
