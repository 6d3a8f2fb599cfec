#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "client/base_precision.h"
#include "client/commands.h"
#include "client/example_meter.h"
#include "client/example_noise.h"
#include "client/loaded_model.h"
#include "configs/adapter.h"
#include "core/base_digest.h"
#include "core/error.h"
#include "core/log.h"
#include "core/peft_directory.h"
#include "core/progress.h"
#include "data/example_io.h"
#include "lora/frozen_prefix.h"
#include "lora/trainer.h"

namespace fennec {
namespace {

struct TrainCommand {
  std::string base, base_precision, config, out;
  std::vector<std::string> data, set;
  bool json = false;
};

std::vector<Example> load_training_examples(const std::vector<std::string>& directories) {
  std::vector<Example> all;
  for (const std::string& directory : directories) {
    DeviceData device = load_device_data(directory);
    std::move(device.train.begin(), device.train.end(), std::back_inserter(all));
  }
  if (all.empty())
    throw IoError("train: no training examples in " + fmt::format("{}", fmt::join(directories, ", ")));
  return all;
}

/// On disk: beside the adapter, so that training again with other settings begins where this one did.
std::unique_ptr<PrefixStore> open_prefix_store(const Experiment& experiment, const CausalLm& model,
                                               const AdapterPlan& plan,
                                               const std::vector<TokenizedExample>& examples,
                                               const std::string& out) {
  const PrefixCacheConfig& config = experiment.train.prefix_cache;
  auto store = make_prefix_store(config, out + ".prefix_cache", [&] {
    return prefix_identity(model, base_model_digest(experiment.model.base),
                           experiment.model.base_precision);
  });
  if (store) store->retain(prefix_keys(examples, plan.first_layer, state_precision(config.precision)));
  return store;
}

TrainReport train_adapter(const Experiment& experiment, const std::vector<Example>& examples,
                          const AdapterPlan& plan, const std::string& out, ParameterSet& adapter) {
  LoadedModel loaded = load_model(experiment.model.base, "", experiment.model.base_precision);
  const auto tokenized = tokenize_examples(
      loaded.tokenizer, examples, static_cast<std::size_t>(experiment.train.max_sequence_tokens));
  const ParameterSet frozen = frozen_adapter(plan, adapter_seed(experiment));
  Trainer trainer(*loaded.model, experiment.lora, experiment.train, frozen);
  const auto prefixes = open_prefix_store(experiment, *loaded.model, plan, tokenized, out);
  std::unique_ptr<Progress> progress;
  TrainHooks hooks;
  hooks.prefix_store = prefixes.get();
  std::optional<ExampleNoise> privacy;
  if (experiment.privacy.example.is_on()) {
    const auto spent = ExampleMeter(experiment, tokenized.size()).spend();
    if (!spent) throw ConfigError("train: " + spent.error().message);
    log::info("epsilon {:.4f} at delta {:g} of one training example", *spent,
              experiment.privacy.example.delta);
    hooks.privacy =
        &privacy.emplace(experiment.privacy.example, experiment.train, tokenized.size(), std::nullopt);
  }
  hooks.on_step = [&](std::int64_t step, std::int64_t total, double loss) {
    if (!progress) progress = std::make_unique<Progress>("training", total);
    progress->advance_to(step, fmt::format("loss {:.3f}", loss));
  };
  const Result<TrainReport> report =
      trainer.train(adapter, tokenized, Seed(experiment.seed).child("local_training"), hooks);
  if (!report) throw IoError("train: " + report.error().message);
  return *report;
}

void print_report(const TrainReport& report, const TrainCommand& options) {
  if (options.json) {
    const nlohmann::ordered_json out = {{"out", options.out},
                                        {"steps", report.steps},
                                        {"num_examples", report.num_examples},
                                        {"examples_offered", report.examples_offered},
                                        {"examples_chosen", report.examples_chosen},
                                        {"supervised_tokens", report.supervised_tokens},
                                        {"prefixes_computed", report.prefixes_computed},
                                        {"prefixes_reused", report.prefixes_reused},
                                        {"first_loss", report.first_loss},
                                        {"last_loss", report.last_loss},
                                        {"mean_loss", report.mean_loss},
                                        {"seconds", report.seconds}};
    fmt::print("{}\n", out.dump());
    return;
  }
  if (report.examples_chosen < report.examples_offered)
    fmt::print("{} of {} examples chosen\n", report.examples_chosen, report.examples_offered);
  if (report.prefixes_reused > 0)
    fmt::print("frozen layers: computed for {} examples, kept from before for {}\n",
               report.prefixes_computed, report.prefixes_reused);
  fmt::print(
      "{} steps over {} examples, {} supervised tokens, {:.1f} s\nloss {:.3f} -> {:.3f} nats per "
      "token\nwritten to {}\n",
      report.steps, report.num_examples, report.supervised_tokens, report.seconds, report.first_loss,
      report.last_loss, options.out);
}

int run_train(const TrainCommand& options) {
  Experiment experiment = load_experiment(options.config, options.set);
  if (!options.base.empty()) experiment.model.base = options.base;
  if (!options.base_precision.empty()) experiment.model.base_precision = options.base_precision;
  const std::vector<Example> examples = load_training_examples(options.data);
  const AdapterPlan plan = plan_adapter(experiment, experiment.model.base);
  const Seed seed = adapter_seed(experiment);  // version 0 of a run with this configuration
  ParameterSet adapter = initial_adapter(plan, seed);
  const TrainReport report = train_adapter(experiment, examples, plan, options.out, adapter);
  write_peft_directory(options.out, plan.config, complete_adapter(adapter, frozen_adapter(plan, seed)));
  print_report(report, options);
  return 0;
}

}  // namespace

void add_train_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<TrainCommand>();
  CLI::App* command = app.add_subcommand("train",
                                         "fine-tunes an adapter here, without a federation: one "
                                         "device's data, or several devices' data pooled");
  command
      ->add_option("--config", options->config,
                   "experiment YAML: its model, lora, train and seed count")
      ->required();
  command->add_option("--base", options->base,
                      "Hugging Face directory of the base model; default: the configuration's");
  add_base_precision(*command, options->base_precision);
  command->add_option("--data", options->data, "prepared device directories")->required();
  command->add_option("--set", options->set,
                      "key=value that replaces one of the configuration, e.g. train.local_steps=200");
  command->add_option("--out", options->out, "directory to write the adapter to, as PEFT does")
      ->required();
  command->add_flag("--json", options->json, "print the report as JSON");
  command->footer(
      "Example: what pooling all data would give\n"
      "  fennec-client train --config configs/recipes/hydraulic.yaml --data data/* --set "
      "train.local_steps=600 --out central\n");
  command->callback([&action, options] { action = [options] { return run_train(*options); }; });
}

}  // namespace fennec
