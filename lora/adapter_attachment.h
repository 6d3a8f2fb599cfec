#pragma once
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/adapter_plan.h"
#include "lora/lora_config.h"
#include "model/causal_lm.h"

namespace fennec {

/// An adapter in effect on a model: a branch on each linear and embedding it names, its own weights in
/// place of each module it saves whole. The tensors are views of the ParameterSets, never copies. Puts
/// the model back as it was in its destructor.
class AdapterAttachment {
 public:
  /// @param adapter, frozen  outlive the attachment; together a whole PEFT adapter, or `frozen` is a
  /// branch beneath it (kAbsorbedSuffix).  @param trainable
  /// tensors of `adapter` require a gradient; otherwise their values must not change meanwhile.  Throws
  /// IoError naming a module the model lacks, a shape that does not fit, or what cannot be done:
  /// dropout in training, saved modules that are no token embedding or untied head.
  AdapterAttachment(CausalLm& model, ParameterSet& adapter, const PeftConfig& config, bool trainable,
                    const ParameterSet& frozen = kNothingFrozen);
  ~AdapterAttachment();
  AdapterAttachment(const AdapterAttachment&) = delete;
  AdapterAttachment& operator=(const AdapterAttachment&) = delete;

  /// Those of `adapter`, in its layout's entry order.
  const std::vector<at::Tensor>& tensors() const { return tensors_; }

 private:
  std::vector<at::Tensor> tensors_;
  std::vector<std::function<void()>> undo_;
};

/// The configuration that an adapter of this run acts by: scales and ranks. The tensors say the rest.
PeftConfig attached_config(const LoraConfig& config);

/// Puts an adapter into the model's own weights; other models that share them keep theirs. What it
/// adapted is fp32 from then on, quantised or not before.
/// Throws IoError as AdapterAttachment, and for an adapter of an embedding that is tied to the head;
/// the model is then in part merged.
void merge_adapter(CausalLm& model, const ParameterSet& adapter, const PeftConfig& config);

}  // namespace fennec
