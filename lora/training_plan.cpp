#include "lora/training_plan.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

namespace fennec {
namespace {

/// Changes the choice and says how; "" when it has nothing more to give.
struct Concession {
  std::string_view price;
  std::function<std::string(TrainingChoice&)> make;
};

std::string coarser_base(TrainingChoice& choice, const std::string& precision) {
  if (choice.base_precision == precision || choice.base_precision == "int4" ||
      choice.base_precision == "nf4")
    return "";
  choice.base_precision = precision;
  return precision + " base";
}

std::string checkpoint(TrainingChoice& choice) {
  if (choice.train.gradient_checkpointing) return "";
  choice.train.gradient_checkpointing = true;
  return "gradient checkpointing";
}

std::string smaller_step(TrainingChoice& choice) {
  const int least = choice.train.max_sequence_tokens;
  if (choice.train.batch_tokens <= least) return "";
  choice.train.batch_tokens = std::max(least, choice.train.batch_tokens / 2);
  return std::to_string(choice.train.batch_tokens) + " tokens a step";
}

std::string lower_rank(TrainingChoice& choice) {
  if (choice.lora.rank <= 4) return "";
  const int rank = std::max(4, choice.lora.rank / 2);
  choice.lora.alpha *= static_cast<double>(rank) / choice.lora.rank;  // the same scale
  choice.lora.rank = rank;
  return "rank " + std::to_string(choice.lora.rank);
}

std::string shorter_texts(TrainingChoice& choice) {
  if (choice.train.max_sequence_tokens <= 64) return "";
  choice.train.max_sequence_tokens /= 2;
  choice.train.batch_tokens = std::min(choice.train.batch_tokens, choice.train.max_sequence_tokens);
  return "texts of at most " + std::to_string(choice.train.max_sequence_tokens) + " tokens";
}

/// What PEFT adapts unless told otherwise: part of the attention in most families.
std::string fewer_targets(TrainingChoice& choice, const std::vector<LinearShape>& linears) {
  const std::vector<std::string> usual = {"peft-default"};
  if (choice.lora.target_modules == usual) return "";
  choice.lora.target_modules = usual;
  std::set<std::string> last_names;
  for (const LinearShape& target : select_targets(linears, usual))
    last_names.insert(target.module.substr(target.module.rfind('.') + 1));
  std::string names;
  for (const std::string& name : last_names) names += (names.empty() ? "" : ", ") + name;
  return "adapters on " + names + " only";
}

std::vector<Concession> concessions(const std::vector<LinearShape>& linears) {
  return {{"loss changes by at most about 0.5 %", [](auto& c) { return coarser_base(c, "int8"); }},
          {"half again the time", checkpoint},
          {"more, smaller steps", smaller_step},
          {"loss changes by at most about 5 %", [](auto& c) { return coarser_base(c, "int4"); }},
          {"a smaller adapter", lower_rank},
          {"a smaller adapter", [&](auto& c) { return fewer_targets(c, linears); }},
          {"longer examples lose the start of their prompt", shorter_texts}};
}

}  // namespace

StepMemory memory_of(const ModelShape& model, const std::vector<LinearShape>& linears,
                     const TrainingChoice& choice) {
  StepShape step;
  step.base_precision = choice.base_precision;
  step.row_tokens = choice.train.max_sequence_tokens;
  step.rows = std::max(1, choice.train.batch_tokens / choice.train.max_sequence_tokens);
  step.supervised_tokens = step.rows * step.row_tokens;
  step.gradient_checkpointing = choice.train.gradient_checkpointing;
  const auto targets = select_targets(linears, choice.lora.target_modules);
  for (const LinearShape& target : targets)
    step.adapter_parameters += choice.lora.rank * (target.in_features + target.out_features);
  step.layer_rank = choice.lora.rank * static_cast<std::int64_t>(targets.size()) / model.layers;
  return estimate_step(model, step);
}

TrainingPlan plan_training(const ModelShape& model, const std::vector<LinearShape>& linears,
                           const TrainingChoice& wish, double budget) {
  TrainingPlan plan{wish, {}, false};
  const auto add = [&](std::string change, std::string_view price) {
    plan.steps.push_back(
        {std::move(change), std::string(price), memory_of(model, linears, plan.choice)});
    plan.fits = plan.steps.back().memory.total() <= budget;
  };
  add("as asked for", "");
  for (const Concession& concession : concessions(linears))
    while (!plan.fits) {
      std::string change = concession.make(plan.choice);
      if (change.empty()) break;
      add(std::move(change), concession.price);
    }
  return plan;
}

}  // namespace fennec
