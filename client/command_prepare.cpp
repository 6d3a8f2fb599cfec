#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/commands.h"
#include "client/recipe_file.h"
#include "client/summary.h"
#include "core/progress.h"
#include "data/prepare.h"

namespace fennec {
namespace {

struct Options {
  std::string recipe, input, out;
  PrepareOptions prepare;
  bool json = false;
};

int run_prepare(Options options) {
  const RecipeConfig recipe = load_recipe(options.recipe);
  std::unique_ptr<Progress> progress;
  options.prepare.on_device = [&](std::size_t done, std::size_t total, const std::string& device) {
    if (!progress) progress = std::make_unique<Progress>("preparing", static_cast<std::int64_t>(total));
    progress->advance_to(static_cast<std::int64_t>(done), device);
  };
  const PrepareSummary summary = prepare(recipe, options.input, options.out, options.prepare);
  progress.reset();
  print_summary(summary, options.out, options.json);
  return 0;
}

}  // namespace

void add_prepare_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "prepare", "recorded sensor data to training and test examples, a directory a device");
  command
      ->add_option("--recipe", options->recipe,
                   "YAML that says how records become text (configs/data/*.yaml)")
      ->required();
  command->add_option("--input", options->input, "directory of the recorded files")->required();
  command->add_option("--out", options->out, "directory to write <device>/{train,test}.jsonl to")
      ->required();
  command->add_option("--tasks", options->prepare.tasks, "only these tasks of the recipe")
      ->delimiter(',');
  command->add_option("--devices", options->prepare.devices, "only these devices")->delimiter(',');
  command->add_flag("--json", options->json, "print the summary as JSON");
  command->footer(
      "Example:\n"
      "  fennec-client prepare --recipe configs/data/har_phone.yaml --input har_phone_watch --out "
      "data\n");
  command->callback([&action, options] { action = [options] { return run_prepare(*options); }; });
}

}  // namespace fennec
