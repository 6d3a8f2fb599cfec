// The checks of `doctor` that need the model.
#include <fmt/format.h>

#include <exception>

#include "client/doctor_checks.h"
#include "client/loaded_model.h"
#include "configs/adapter.h"
#include "core/base_digest.h"
#include "core/rng.h"
#include "lora/trainer.h"

namespace fennec {
namespace {

constexpr int kSteps = 3;
constexpr std::size_t kRows = 4, kRowTokens = 128;

/// Rows of random tokens, answers of a quarter of their length: what a training step costs does not
/// depend on text.
std::vector<TokenizedExample> random_examples(const CausalLm& model) {
  RandomStream random(Seed(1).child("doctor"));
  std::vector<TokenizedExample> rows(kRows);
  const auto length = std::min(kRowTokens, static_cast<std::size_t>(model.max_positions()));
  for (TokenizedExample& row : rows) {
    for (std::size_t i = 0; i < length; ++i)
      row.ids.push_back(
          static_cast<TokenId>(random.below(static_cast<std::uint64_t>(model.vocab_size()))));
    row.prompt_tokens = length - length / 4;
  }
  return rows;
}

std::string measure_training(const std::filesystem::path& base, CausalLm& model) {
  const Experiment defaults{};
  TrainConfig train;
  train.local_steps = kSteps;
  train.batch_tokens = static_cast<int>(kRows * kRowTokens);
  train.max_sequence_tokens = static_cast<int>(kRowTokens);
  ParameterSet adapter = initial_adapter(plan_adapter(defaults, base), adapter_seed(defaults));
  const auto examples = random_examples(model);
  Trainer trainer(model, defaults.lora, train);
  const Result<TrainReport> report = trainer.train(adapter, examples, Seed(1));
  if (!report) throw std::runtime_error("a training step failed: " + report.error().message);
  const double tokens = static_cast<double>(kSteps * kRows * examples.front().ids.size());
  return fmt::format("{:.0f} tokens/s in training steps of rank {}",
                     tokens / std::max(report->seconds, 1e-9), defaults.lora.rank);
}

}  // namespace

std::vector<Check> check_base(const std::filesystem::path& base) {
  std::vector<Check> checks;
  const char* looking_at = "base";
  try {
    const LoadedModel loaded = load_model(base, "");
    checks.push_back(
        {"base", true,
         fmt::format("{} layers, {} tokens of vocabulary, digest {}", loaded.model->layers(),
                     loaded.model->vocab_size(), base_model_digest(base).substr(0, 16))});
    looking_at = "speed";
    checks.push_back({"speed", true, measure_training(base, *loaded.model)});
  } catch (const std::exception& e) {
    checks.push_back({looking_at, false, e.what()});
  }
  return checks;
}

}  // namespace fennec
