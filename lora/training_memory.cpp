#include "lora/training_memory.h"

#include <algorithm>
#include <set>

#include "core/lora_layout.h"
#include "core/peft_method.h"

namespace fennec {
namespace {

/// The linears that an adapter is put on.
std::vector<LinearShape> targets_of(const LoraConfig& lora, const std::vector<LinearShape>& linears) {
  auto targets = select_targets(linears, lora.target_modules);
  const auto defaults = peft_method(lora.method).default_targets();
  const auto& layers = lora.layers_to_transform;
  std::erase_if(targets, [&](const LinearShape& target) {
    if (!layers.empty() && std::ranges::find(layers, layer_index(target.module)) == layers.end())
      return true;
    return !defaults.empty() && std::ranges::none_of(defaults, [&](const std::string& name) {
      return ends_with_module(target.module, name);
    });
  });
  return targets;
}

std::int64_t size_of(const AdapterTensor& tensor) {
  std::int64_t size = 1;
  for (const std::int64_t extent : tensor.shape) size *= extent;
  return size;
}

/// Adapters of one model, summed over its linears.
struct AdapterSizes {
  std::int64_t trained = 0, frozen = 0, ranks = 0, branch_values = 0, first_layer = 0;
};

/// What a branch that is not folded into its linear keeps, values a token: (IA)³ what it multiplies,
/// DoRA the direction before its rows are scaled; the input of what followed a fused gate.
std::int64_t branch_values(const ModelShape& model, const LinearShape& linear,
                           const std::vector<AdapterTensor>& tensors) {
  const bool is_gated = linear.in_features == model.intermediate;
  const std::int64_t product =
      is_gated && model.mlp == ModelShape::Mlp::kSwiGlu ? linear.in_features : 0;
  if (tensors.size() == 1)  // (IA)³
    return tensors[0].shape[0] == 1 ? product + linear.in_features : linear.out_features;
  return tensors.size() == 3 ? product + linear.out_features : 0;
}

AdapterSizes sizes_of(const ModelShape& model, const std::vector<LinearShape>& linears,
                      const LoraConfig& lora) {
  const PeftMethod& method = peft_method(lora.method);
  PeftConfig config = to_peft_config(lora, "");
  if (!method.default_targets().empty()) config.target_modules = method.default_targets();
  method.describe(config);
  AdapterSizes sizes;
  sizes.first_layer = model.layers;
  std::set<std::int64_t> layers;
  for (const LinearShape& linear : targets_of(lora, linears)) {
    const auto tensors = method.tensors(linear, config);
    for (const AdapterTensor& tensor : tensors)
      (method.trains(tensor) ? sizes.trained : sizes.frozen) += size_of(tensor);
    if (tensors.size() > 1) sizes.ranks += lora_rank(config, linear.module);
    const std::int64_t kept = branch_values(model, linear, tensors);
    sizes.branch_values += kept;
    const std::int64_t layer = layer_index(linear.module);
    if (kept > 0 && layers.insert(layer).second && model.fused_norms)
      sizes.branch_values += model.width;  // a norm's output
    sizes.first_layer = std::min(sizes.first_layer, layer);
  }
  return sizes;
}

}  // namespace

StepMemory memory_of(const ModelShape& model, const std::vector<LinearShape>& linears,
                     const TrainingChoice& choice) {
  const AdapterSizes sizes = sizes_of(model, linears, choice.lora);
  const std::int64_t adapted = std::max<std::int64_t>(1, model.layers - sizes.first_layer);
  StepShape step;
  step.base_precision = choice.base_precision;
  step.row_tokens = choice.train.max_sequence_tokens;
  step.rows = std::max(1, choice.train.batch_tokens / choice.train.max_sequence_tokens);
  step.supervised_tokens = step.rows * step.row_tokens;
  step.gradient_checkpointing = choice.train.gradient_checkpointing;
  step.forward_only = choice.train.optimizer == "mezo";
  step.adapter_parameters = sizes.trained;
  step.frozen_parameters = sizes.frozen;
  step.layer_rank = sizes.ranks / adapted;
  step.branch_values = sizes.branch_values / adapted;
  step.first_layer = sizes.first_layer;
  if (choice.train.prefix_cache.store == "memory")
    step.prefix_cache_bytes = 1e6 * choice.train.prefix_cache.max_mb;
  return estimate_step(model, step);
}

}  // namespace fennec
