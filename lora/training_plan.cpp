#include "lora/training_plan.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

#include "core/lora_layout.h"

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
  if (choice.train.gradient_checkpointing || choice.train.optimizer == "mezo") return "";
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
  if (choice.lora.rank <= 4 || choice.lora.method == "ia3") return "";
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
  if (choice.lora.target_modules == usual || choice.lora.method == "ia3") return "";
  choice.lora.target_modules = usual;
  std::set<std::string> last_names;
  for (const LinearShape& target : select_targets(linears, usual))
    last_names.insert(target.module.substr(target.module.rfind('.') + 1));
  std::string names;
  for (const std::string& name : last_names) names += (names.empty() ? "" : ", ") + name;
  return "adapters on " + names + " only";
}

/// A frozen lower half is passed once for each example: what it makes is kept on disk, where it takes
/// no memory.
std::string later_layers(TrainingChoice& choice, std::int64_t layers) {
  auto& adapted = choice.lora.layers_to_transform;
  const std::int64_t count = adapted.empty() ? layers : static_cast<std::int64_t>(adapted.size()),
                     fewer = count / 2;
  if (fewer < 1 || fewer < layers / 4 || choice.lora.method == "ia3") return "";
  adapted.clear();
  for (std::int64_t i = layers - fewer; i < layers; ++i) adapted.push_back(static_cast<int>(i));
  choice.train.prefix_cache.store = "disk";
  return "adapters in the last " + std::to_string(fewer) + " of " + std::to_string(layers) + " layers";
}

std::vector<Concession> concessions(const ModelShape& model, const std::vector<LinearShape>& linears) {
  return {{"loss changes by at most about 0.5 %", [](auto& c) { return coarser_base(c, "int8"); }},
          {"half again the time", checkpoint},
          {"more, smaller steps", smaller_step},
          {"loss changes by at most about 5 %", [](auto& c) { return coarser_base(c, "int4"); }},
          {"a smaller adapter", lower_rank},
          {"a smaller adapter", [&](auto& c) { return fewer_targets(c, linears); }},
          {"a smaller adapter; passes after the first are faster (train.prefix_cache)",
           [&](auto& c) { return later_layers(c, model.layers); }},
          {"longer examples lose the start of their prompt", shorter_texts}};
}

/// What is tried in turn to fit: training as asked for, then its other methods.
struct Approach {
  std::string change;
  std::string_view price;
  TrainingChoice choice;
};

std::vector<Approach> approaches(const TrainingChoice& wish) {
  std::vector<Approach> all = {{"as asked for", "", wish}};
  const bool is_plain = wish.lora.layers_to_transform.empty() && wish.lora.rank_pattern.empty() &&
                        wish.lora.alpha_pattern.empty() && !wish.lora.use_rslora;
  if (wish.lora.method != "ia3" && is_plain) {
    Approach factors{"lora.method ia3", "kilobytes of factors in place of a LoRA adapter", wish};
    factors.choice.lora.method = "ia3";
    factors.choice.lora.target_modules = {"all-linear"};
    all.push_back(std::move(factors));
  }
  if (wish.train.optimizer != "mezo") {
    Approach forward{"train.optimizer mezo with lora.method ffa_lora: forward passes alone",
                     "10 to 100 times the steps", wish};
    forward.choice.train.optimizer = "mezo";
    forward.choice.train.proximal_mu = 0;
    forward.choice.lora.method = "ffa_lora";
    all.push_back(std::move(forward));
  }
  return all;
}

/// One approach, conceding until it fits or has no more to give.
TrainingPlan concede(const ModelShape& model, const std::vector<LinearShape>& linears,
                     const Approach& approach, double budget) {
  TrainingPlan plan{approach.choice, {}, false};
  const auto add = [&](std::string change, std::string_view price) {
    plan.steps.push_back(
        {std::move(change), std::string(price), memory_of(model, linears, plan.choice)});
    plan.fits = plan.steps.back().memory.total() <= budget;
  };
  add(approach.change, approach.price);
  for (const Concession& concession : concessions(model, linears))
    while (!plan.fits) {
      std::string change = concession.make(plan.choice);
      if (change.empty()) break;
      add(std::move(change), concession.price);
    }
  return plan;
}

}  // namespace

TrainingPlan plan_training(const ModelShape& model, const std::vector<LinearShape>& linears,
                           const TrainingChoice& wish, double budget) {
  TrainingPlan plan;
  for (const Approach& approach : approaches(wish)) {
    plan = concede(model, linears, approach, budget);
    if (plan.fits) break;
  }
  return plan;
}

}  // namespace fennec
