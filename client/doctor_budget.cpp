#include "client/doctor_budget.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "core/error.h"
#include "core/lora_layout.h"
#include "lora/training_plan.h"

namespace fennec {
namespace {

using nlohmann::ordered_json;

double parse_bytes(const std::string& text) {
  static const std::map<std::string, double> kUnits = {
      {"MB", 1e6}, {"GB", 1e9}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}};
  double amount = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  const auto unit = kUnits.find(std::string(rest, text.data() + text.size()));
  if (error != std::errc() || unit == kUnits.end() || !(amount > 0))
    throw ConfigError("--budget: '" + text + "' is no amount of memory; expected e.g. 600MB or 0.5GiB");
  return amount * unit->second;
}

ordered_json to_json(const StepMemory& m) {
  return {{"total", m.total()},           {"weights", m.weights}, {"adapter", m.adapter},
          {"activations", m.activations}, {"logits", m.logits},   {"prefix_cache", m.prefix_cache},
          {"runtime", m.runtime}};
}

/// The lines of an experiment that say it.
std::string to_yaml(const TrainingChoice& c) {
  return fmt::format(
      "model:\n  base_precision: {}\nlora:\n  method: {}\n  rank: {}\n  alpha: {}\n"
      "  target_modules: [{}]\n  layers_to_transform: [{}]\ntrain:\n  optimizer: {}\n"
      "  batch_tokens: {}\n  max_sequence_tokens: {}\n  gradient_checkpointing: {}\n"
      "  prefix_cache: {{store: {}}}\n",
      c.base_precision, c.lora.method, c.lora.rank, c.lora.alpha,
      fmt::join(c.lora.target_modules, ", "), fmt::join(c.lora.layers_to_transform, ", "),
      c.train.optimizer, c.train.batch_tokens, c.train.max_sequence_tokens,
      c.train.gradient_checkpointing, c.train.prefix_cache.store);
}

void print_plan_json(const TrainingPlan& plan, double budget) {
  ordered_json out = {{"fits", plan.fits}, {"budget", budget}, {"steps", ordered_json::array()}};
  for (const PlanStep& step : plan.steps)
    out["steps"].push_back(
        {{"change", step.change}, {"price", step.price}, {"bytes", to_json(step.memory)}});
  out["yaml"] = to_yaml(plan.choice);
  fmt::print("{}\n", out.dump());
}

void print_text(const TrainingPlan& plan, double budget) {
  for (const PlanStep& step : plan.steps)
    fmt::print("{:>8.0f} MB  {}{}\n", step.memory.total() * 1e-6, step.change,
               step.price.empty() ? "" : ": " + step.price);
  const StepMemory& m = plan.steps.back().memory;
  fmt::print(
      "of which weights {:.0f}, adapter and optimizer {:.0f}, activations {:.0f}, logits {:.0f}, "
      "program "
      "{:.0f} MB\n",
      m.weights * 1e-6, m.adapter * 1e-6, m.activations * 1e-6, m.logits * 1e-6, m.runtime * 1e-6);
  if (plan.fits)
    fmt::print("fits into {:.0f} MB with\n{}", budget * 1e-6, to_yaml(plan.choice));
  else
    fmt::print("nothing fits into {:.0f} MB: this base is too large for it\n", budget * 1e-6);
}

}  // namespace

int print_training_plan(const std::filesystem::path& base, const std::string& budget, bool json) {
  const double bytes = parse_bytes(budget);
  const auto linears = linears_of_checkpoint(base);
  const TrainingPlan plan = plan_training(read_model_shape(base), linears, {}, bytes);
  (json ? print_plan_json : print_text)(plan, bytes);
  return plan.fits ? 0 : 1;
}

}  // namespace fennec
