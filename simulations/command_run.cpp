#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "coordinator/privacy_account.h"
#include "core/log.h"
#include "model/compute_threads.h"
#include "simulations/commands.h"
#include "simulations/experiment_run.h"

namespace fennec {
namespace {

struct RunCommand {
  std::string config, out;
  std::vector<std::string> overrides;
  bool json = false;
};

int run(const RunCommand& options) {
  set_compute_threads(
      1);  // devices train side by side; one that used several cores is no faster in all
  const Experiment experiment = load_experiment(options.config, options.overrides);
  RunOutput output(experiment, options.out.empty() ? "out/" + experiment.name : options.out,
                   options.json ? Told::kJson : Told::kTable);
  const SimulationResult result = run_experiment(experiment, output);
  if (result.rounds.size() == static_cast<std::size_t>(experiment.rounds.total)) return 0;
  const auto privacy = privacy_account(experiment, result.privacy);
  log::warn("{}", privacy->why_shorter(static_cast<std::int64_t>(result.rounds.size()),
                                       experiment.rounds.total));
  return 3;
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunCommand>();
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
