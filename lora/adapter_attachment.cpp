#include "lora/adapter_attachment.h"

#include <memory>
#include <unordered_map>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/adapter_modules.h"
#include "core/error.h"
#include "lora/adapter_branch.h"
#include "lora/lora_embedding.h"
#include "lora/stacked_branch.h"

namespace fennec {
namespace {

at::Tensor view_of(const ParameterSet& set, const ParameterEntry& entry) {
  return at::from_blob(const_cast<float*>(set.values().data() + entry.offset), entry.shape,
                       at::TensorOptions(at::kFloat));
}

[[noreturn]] void refuse(const std::string& module, const std::string& what) {
  throw IoError("adapter of " + module + ": " + what);
}

void check_fit(const std::string& module, const FrozenWeight& weight, std::int64_t in,
               std::int64_t out) {
  if (weight.in_features() == in && weight.out_features() == out) return;
  refuse(module, "maps " + std::to_string(in) + " to " + std::to_string(out) +
                     " features, the base model " + std::to_string(weight.in_features()) + " to " +
                     std::to_string(weight.out_features()));
}

/// An adapter's tensors beside the modules of a model that they belong to, every shape checked.
class Adapter {
 public:
  Adapter(CausalLm& model, const PeftConfig& config) : model_(model), config_(config) {
    for (Projection* projection : model.projections()) linears_[projection->module()] = projection;
    if (Projection* head = model.output_head()) linears_[head->module()] = head;
  }

  void add(const ParameterSet& set, bool trainable) {
    if (set.empty()) return;
    for (const ParameterEntry& entry : set.layout()->entries()) {
      if (entry.name.ends_with(kAbsorbedSuffix)) {
        absorbed_.emplace(entry.name, view_of(set, entry));
        continue;
      }
      entries_.push_back(entry);
      tensors_.push_back(view_of(set, entry).set_requires_grad(trainable));
    }
  }

  const std::vector<at::Tensor>& tensors() const { return tensors_; }
  std::vector<AdapterModule> modules() const { return adapter_modules(entries_, "adapter"); }

  at::Tensor tensor(const AdapterModule& module, AdapterRole role) const {
    return module[role] ? tensors_[*module[role]] : at::Tensor();
  }

  at::Tensor absorbed(const AdapterModule& module, AdapterRole role) const {
    const auto found =
        absorbed_.find(adapter_tensor_name(module.module, role) + std::string(kAbsorbedSuffix));
    return found == absorbed_.end() ? at::Tensor() : found->second;
  }

  Projection& linear(const AdapterModule& module) const {
    const auto it = linears_.find(module.module);
    if (it == linears_.end()) refuse(module.module, "the base model has no such linear");
    return *it->second;
  }

  std::shared_ptr<const AdapterBranch> branch(const AdapterModule& module) const {
    const Projection& base = linear(module);
    const BranchTensors tensors{
        tensor(module, AdapterRole::kLoraA), tensor(module, AdapterRole::kLoraB),
        tensor(module, AdapterRole::kMagnitude), tensor(module, AdapterRole::kScale)};
    if (tensors.scale.defined()) {
      const std::int64_t in = tensors.scale.size(1), out = tensors.scale.size(0);
      check_fit(module.module, base.frozen(), in == 1 ? base.in_features() : in,
                in == 1 ? out : base.out_features());
      return make_branch(base, tensors, 1);
    }
    check_fit(module.module, base.frozen(), tensors.a.size(1), tensors.b.size(0));
    const double scale = lora_scale(config_, module.module, tensors.a.size(0));
    auto branch = make_branch(base, tensors, scale);
    const at::Tensor a = absorbed(module, AdapterRole::kLoraA),
                     b = absorbed(module, AdapterRole::kLoraB);
    if (!a.defined() || !b.defined()) return branch;
    check_fit(module.module, base.frozen(), a.size(1), b.size(0));
    return std::make_shared<StackedBranch>(std::move(branch), LowRank{a, b, scale});
  }

  Embedding& embedding(const AdapterModule& module) const {
    Embedding* embedding = model_.embedding();
    if (embedding == nullptr || embedding->module() != module.module)
      refuse(module.module, "the base model has no such embedding that an adapter can be put on");
    return *embedding;
  }

  std::shared_ptr<const LoraEmbedding> embedding_branch(const AdapterModule& module) const {
    const at::Tensor a = tensor(module, AdapterRole::kEmbeddingA),
                     b = tensor(module, AdapterRole::kEmbeddingB);
    check_fit(module.module, embedding(module).frozen(), b.size(0), a.size(1));
    return std::make_shared<LoraEmbedding>(a, b, lora_scale(config_, module.module, a.size(0)));
  }

  /// Calls `set(current weight, setter)` for the module that a saved tensor replaces.
  template <class Replace>
  void replace_saved(const AdapterModule& module, const Replace& replace) const {
    const at::Tensor saved = tensor(module, AdapterRole::kSaved);
    Embedding* embedding = model_.embedding();
    Projection* head = model_.output_head();
    if (head != nullptr && head->module() == module.module) {
      check_fit(module.module, head->frozen(), saved.size(1), saved.size(0));
      replace(*head, saved);
    } else if (embedding != nullptr && embedding->module() == module.module) {
      require_untied(module);
      check_fit(module.module, embedding->frozen(), saved.size(1), saved.size(0));
      replace(*embedding, saved);
    } else {
      refuse(module.module,
             "modules_to_save can only be the token embedding or an output head of its own");
    }
  }

  void require_untied(const AdapterModule& module) const {
    if (model_.output_head() == nullptr)
      refuse(module.module, "the embedding is also the output head of the base model");
  }

 private:
  CausalLm& model_;
  const PeftConfig& config_;
  std::unordered_map<std::string, Projection*> linears_;
  std::vector<ParameterEntry> entries_;
  std::vector<at::Tensor> tensors_;
  std::unordered_map<std::string, at::Tensor> absorbed_;  ///< by name
};

}  // namespace

PeftConfig attached_config(const LoraConfig& config) { return to_peft_config(config, ""); }

AdapterAttachment::AdapterAttachment(CausalLm& model, ParameterSet& adapter, const PeftConfig& config,
                                     bool trainable, const ParameterSet& frozen) {
  if (trainable && config.lora_dropout != 0)
    throw IoError("adapter_config.json: lora_dropout is not supported in training");
  Adapter parts(model, config);
  parts.add(adapter, trainable);
  tensors_ = parts.tensors();
  parts.add(frozen, false);
  // What may throw comes first: a refused adapter leaves the model as it was.
  std::vector<std::function<void()>> steps;
  for (const AdapterModule& module : parts.modules()) {
    if (module[AdapterRole::kSaved]) {
      parts.replace_saved(module, [&](auto& target, const at::Tensor& saved) {
        steps.push_back([&target, saved] { target.set_weight(saved); });
        undo_.push_back([&target, weight = target.frozen()] { target.set_weight(weight); });
      });
    } else if (module[AdapterRole::kEmbeddingA]) {
      Embedding& target = parts.embedding(module);
      steps.push_back([&target, branch = parts.embedding_branch(module)] { target.attach(branch); });
      undo_.push_back([&target] { target.detach(); });
    } else {
      Projection& target = parts.linear(module);
      steps.push_back([&target, branch = parts.branch(module)] { target.attach(branch); });
      undo_.push_back([&target] { target.detach(); });
    }
  }
  for (const auto& step : steps) step();
}

AdapterAttachment::~AdapterAttachment() {
  for (const auto& step : undo_) step();
}

void merge_adapter(CausalLm& model, const ParameterSet& adapter, const PeftConfig& config) {
  const at::NoGradGuard no_grad;
  Adapter parts(model, config);
  parts.add(adapter, false);
  for (const AdapterModule& module : parts.modules()) {
    if (module[AdapterRole::kSaved]) {
      parts.replace_saved(
          module, [](auto& target, const at::Tensor& saved) { target.set_weight(saved.clone()); });
    } else if (module[AdapterRole::kEmbeddingA]) {
      parts.require_untied(module);
      Embedding& target = parts.embedding(module);
      target.set_weight(parts.embedding_branch(module)->merged(target));
    } else {
      Projection& target = parts.linear(module);
      const LinearWeights merged = parts.branch(module)->merged(target);
      target.set_weight(merged.weight);
      target.set_bias(merged.bias);
    }
  }
}

}  // namespace fennec
