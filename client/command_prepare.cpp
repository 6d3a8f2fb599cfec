#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/commands.h"
#include "client/recipe_file.h"
#include "client/summary.h"
#include "core/error.h"
#include "core/progress.h"
#include "data/prepare.h"
#include "data/world_data.h"

namespace fennec {
namespace {

struct PrepareCommand {
  std::string recipe, input, out;
  PrepareOptions prepare;
  WorldPopulation world{{}, 8};
  std::uint64_t seed = 1;
  bool json = false;
};

PrepareSummary prepare_recorded(PrepareCommand options) {
  if (options.recipe.empty() || options.input.empty())
    throw ConfigError("prepare: give --recipe and --input, or --world for generated data");
  const RecipeConfig recipe = load_recipe(options.recipe);
  std::unique_ptr<Progress> progress;
  options.prepare.on_device = [&](std::size_t done, std::size_t total, const std::string& device) {
    if (!progress) progress = std::make_unique<Progress>("preparing", static_cast<std::int64_t>(total));
    progress->advance_to(static_cast<std::int64_t>(done), device);
  };
  return prepare(recipe, options.input, options.out, options.prepare);
}

PrepareSummary prepare_generated(const PrepareCommand& options) {
  PrepareSummary summary;
  for (const DeviceData& device : world_data(options.world, Seed(options.seed).child("world"))) {
    write_device_data(options.out, device);
    summary.devices.push_back({device.device_id, device.train.size(), device.test.size()});
    summary.train += device.train.size();
    summary.test += device.test.size();
  }
  return summary;
}

int run_prepare(const PrepareCommand& options) {
  const bool generated = !options.world.kinds.empty();
  print_summary(generated ? prepare_generated(options) : prepare_recorded(options), options.out,
                options.json);
  return 0;
}

void add_world_options(CLI::App& command, PrepareCommand& options) {
  WorldPopulation& world = options.world;
  auto* kinds = command.add_option(
      "--world", world.kinds,
      "instead: generate devices of the built-in sensor world (home, wearable, pump)");
  kinds->delimiter(',')->excludes("--recipe")->excludes("--input");
  command.add_option("--count", world.devices, "devices to generate")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->needs(kinds);
  command.add_option("--examples", world.examples, "examples of each")
      ->capture_default_str()
      ->check(CLI::PositiveNumber)
      ->needs(kinds);
  command.add_option("--held-out", world.held_out, "share of the latest examples kept for testing")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9))
      ->needs(kinds);
  command.add_option("--seed", options.seed, "another seed is another world")
      ->capture_default_str()
      ->needs(kinds);
}

}  // namespace

void add_prepare_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<PrepareCommand>();
  CLI::App* command = app.add_subcommand(
      "prepare", "recorded sensor data to training and test examples, a directory a device");
  command->add_option("--recipe", options->recipe,
                      "YAML that says how records become text (configs/data/*.yaml)");
  command->add_option("--input", options->input, "directory of the recorded files");
  command->add_option("--out", options->out, "directory to write <device>/{train,test}.jsonl to")
      ->required();
  command->add_option("--tasks", options->prepare.tasks, "only these tasks of the recipe")
      ->delimiter(',');
  command->add_option("--devices", options->prepare.devices, "only these devices")->delimiter(',');
  add_world_options(*command, *options);
  command->add_flag("--json", options->json, "print the summary as JSON");
  command->footer(
      "Examples:\n"
      "  fennec-client prepare --recipe configs/data/har_phone.yaml --input har_phone_watch --out "
      "data\n"
      "  fennec-client prepare --world wearable --count 4 --out data\n");
  command->callback([&action, options] { action = [options] { return run_prepare(*options); }; });
}

}  // namespace fennec
