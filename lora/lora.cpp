#include "lora/lora.h"

#include <ATen/ATen.h>

#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "lora/adapter_pairs.h"
#include "lora/lora_branch.h"

namespace fennec {

namespace {

void check_supported(const PeftLoraConfig& config, bool trainable) {
  if (config.use_dora) throw IoError("adapter_config.json: use_dora: DoRA adapters are not supported");
  if (!config.modules_to_save.empty())
    throw IoError("adapter_config.json: modules_to_save (" + config.modules_to_save.front() +
                  ") is not supported");
  if (trainable && config.lora_dropout != 0)
    throw IoError("adapter_config.json: lora_dropout is not supported in training");
}

/// The projection of each pair, every shape checked before anything is changed.
std::vector<Projection*> projections_of(CausalLm& model, const std::vector<AdapterPair>& pairs) {
  std::unordered_map<std::string, Projection*> by_module;
  for (Projection* projection : model.projections()) by_module[projection->module()] = projection;
  std::vector<Projection*> found;
  found.reserve(pairs.size());
  for (const AdapterPair& pair : pairs) {
    const auto it = by_module.find(pair.module);
    if (it == by_module.end())
      throw IoError("adapter of " + pair.module + ": the base model has no such linear");
    const std::int64_t in = it->second->in_features(), out = it->second->out_features();
    if (in != pair.in_features || out != pair.out_features)
      throw IoError("adapter of " + pair.module + ": maps " + std::to_string(pair.in_features) +
                    " to " + std::to_string(pair.out_features) + " features, the base model " +
                    std::to_string(in) + " to " + std::to_string(out));
    found.push_back(it->second);
  }
  return found;
}

at::Tensor view_of(const float* values, const ParameterEntry& entry) {
  return at::from_blob(const_cast<float*>(values + entry.offset), entry.shape,
                       at::TensorOptions(at::kFloat));
}

}  // namespace

PeftLoraConfig to_peft_config(const LoraConfig& config, const std::string& base,
                              std::vector<std::string> target_modules) {
  PeftLoraConfig peft;
  peft.r = config.rank;
  peft.lora_alpha = config.alpha;
  peft.use_rslora = config.use_rslora;
  peft.base_model_name_or_path = base;
  peft.target_modules = std::move(target_modules);
  return peft;
}

LoraAttachment::LoraAttachment(CausalLm& model, ParameterSet& adapter, const PeftLoraConfig& config,
                               bool trainable) {
  check_supported(config, trainable);
  const auto pairs = adapter_pairs(*adapter.layout());
  auto projections = projections_of(model, pairs);
  for (const ParameterEntry& entry : adapter.layout()->entries())
    tensors_.push_back(view_of(adapter.values().data(), entry).set_requires_grad(trainable));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const AdapterPair& pair = pairs[i];
    projections[i]->attach(std::make_shared<LoraBranch>(tensors_[pair.a], tensors_[pair.b],
                                                        lora_scale(config, pair.module, pair.rank)));
  }
  attached_ = std::move(projections);
}

LoraAttachment::~LoraAttachment() {
  for (Projection* projection : attached_) projection->detach();
}

void merge_lora(CausalLm& model, const ParameterSet& adapter, const PeftLoraConfig& config) {
  check_supported(config, false);
  const at::NoGradGuard no_grad;
  const auto pairs = adapter_pairs(*adapter.layout());
  const auto projections = projections_of(model, pairs);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const AdapterPair& pair = pairs[i];
    const at::Tensor a = view_of(adapter.values().data(), adapter.layout()->entries()[pair.a]);
    const at::Tensor b = view_of(adapter.values().data(), adapter.layout()->entries()[pair.b]);
    // A new tensor: the old one may be shared with other models.
    projections[i]->set_weight(at::addmm(projections[i]->weight(), b, a, /*beta=*/1,
                                         /*alpha=*/lora_scale(config, pair.module, pair.rank)));
  }
}

}  // namespace fennec
