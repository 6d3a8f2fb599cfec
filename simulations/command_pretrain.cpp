#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "model/compute_threads.h"
#include "simulations/commands.h"
#include "simulations/pretrain.h"

namespace fennec {
namespace {

struct PretrainCommand {
  std::string config, out;
};

int run(const PretrainCommand& options) {
  const PretrainConfig config = load_pretrain_config(options.config);
  set_compute_threads(1);  // the gradient threads divide a step's documents among themselves
  const std::string command =
      fmt::format("fennec-sim pretrain {} --out {}", options.config, options.out);
  const PretrainResult result = pretrain(config, options.out, command);
  std::printf(
      "%s: %.2f million parameters, %.1f million tokens, held-out answers %.3f nats/token, %.1f %% "
      "exact\n",
      options.out.c_str(), static_cast<double>(result.parameters) / 1e6,
      static_cast<double>(result.tokens) / 1e6, result.held_out.loss.answer(),
      100 * result.held_out.accuracy());
  return 0;
}

}  // namespace

void add_pretrain_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<PretrainCommand>();
  CLI::App* command =
      app.add_subcommand("pretrain", "a small base model from generated sensor text, from nothing");
  command->add_option("CONFIG", options->config, "pretraining YAML (configs/pretrain/*.yaml)")
      ->required()
      ->check(CLI::ExistingFile);
  command
      ->add_option("--out", options->out,
                   "directory to write the model to; an interrupted run there is resumed")
      ->required();
  command->footer(
      "Example:\n  fennec-sim pretrain configs/pretrain/sensor-tiny.yaml --out models/sensor-tiny\n");
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace fennec
