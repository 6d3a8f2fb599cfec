#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/base_precision.h"
#include "client/commands.h"
#include "client/loaded_model.h"
#include "core/error.h"
#include "core/progress.h"
#include "data/example_io.h"
#include "lora/evaluation.h"

namespace fennec {
namespace {

struct EvaluateCommand {
  std::string base, adapter, base_precision = "fp32";
  std::vector<std::string> data;
  std::size_t limit = 0;
  EvaluateOptions evaluate;
  bool json = false;
};

void append(std::vector<Example>& all, std::vector<Example> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

/// A JSONL file as it is; of a prepared device its test examples; of a directory of devices those of
/// every device.
std::vector<Example> load_test_examples(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return load_examples(path);
  if (std::filesystem::exists(path / "train.jsonl") || std::filesystem::exists(path / "test.jsonl"))
    return load_device_data(path).test;
  std::vector<Example> all;
  for (const std::string& device : prepared_devices(path))
    append(all, load_device_data(path / device).test);
  return all;
}

/// `limit` of them, evenly spaced, so that every device and time of day stays in.
std::vector<Example> thin_out(std::vector<Example> examples, std::size_t limit) {
  if (limit == 0 || examples.size() <= limit) return examples;
  std::vector<Example> kept;
  for (std::size_t i = 0; i < limit; ++i)
    kept.push_back(std::move(examples[i * examples.size() / limit]));
  return kept;
}

void print_metrics(const EvaluationTally& tally, std::size_t examples, bool json) {
  const auto metrics = tally.metrics();
  if (json) {
    nlohmann::ordered_json out = {{"examples", examples},
                                  {"metrics", nlohmann::ordered_json::object()}};
    for (const auto& [name, value] : metrics) out["metrics"][name] = value;
    fmt::print("{}\n", out.dump());
    return;
  }
  fmt::print("{:<40} {:>10}\n", "metric", "value");
  for (const auto& [name, value] : metrics) fmt::print("{:<40} {:>10.4f}\n", name, value);
  fmt::print("over {} examples; loss in nats per supervised token\n", examples);
}

int run_evaluate(EvaluateCommand options) {
  std::vector<Example> examples;
  for (const std::string& path : options.data) append(examples, load_test_examples(path));
  examples = thin_out(std::move(examples), options.limit);
  if (examples.empty())
    throw IoError("evaluate: no test examples in " + fmt::format("{}", fmt::join(options.data, ", ")));
  const LoadedModel loaded = load_model(options.base, options.adapter, options.base_precision);
  Progress progress("evaluating", static_cast<std::int64_t>(examples.size()));
  options.evaluate.on_progress = [&](std::size_t done, std::size_t) {
    progress.advance_to(static_cast<std::int64_t>(done));
  };
  const EvaluationTally tally = evaluate(*loaded.model, loaded.tokenizer, examples, options.evaluate);
  progress.finish();
  print_metrics(tally, examples.size(), options.json);
  return 0;
}

}  // namespace

void add_evaluate_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<EvaluateCommand>();
  CLI::App* command = app.add_subcommand(
      "evaluate", "scores a model on held-out examples: loss, accuracy, macro-F1, MAE");
  command->add_option("--base", options->base, "Hugging Face directory of the base model")->required();
  command->add_option("--adapter", options->adapter, "PEFT directory of an adapter to put on top");
  add_base_precision(*command, options->base_precision);
  command
      ->add_option("--data", options->data,
                   "prepared devices, directories of such (their test.jsonl), or JSONL files")
      ->required();
  command->add_option("--limit", options->limit, "at most so many examples, evenly spaced; 0 = all")
      ->capture_default_str();
  command
      ->add_option("--max-tokens", options->evaluate.max_tokens,
                   "longest example, as train.max_sequence_tokens")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 20));
  command->add_flag("--json", options->json, "print the metrics as one JSON object");
  command->footer(
      "Example:\n"
      "  fennec-client evaluate --base models/sensor-tiny --adapter adapter --data data/s02_phone\n");
  command->callback([&action, options] { action = [options] { return run_evaluate(*options); }; });
}

}  // namespace fennec
