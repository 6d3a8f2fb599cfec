#pragma once
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/lora_scale.h"
#include "core/parameter_set.h"
#include "core/peft_directory.h"
#include "lora/lora_config.h"
#include "model/causal_lm.h"

namespace fennec {

/// A LoRA adapter attached to a model: y = W·x + b + s·B·(A·x) on each projection it names (arXiv
/// 2106.09685). The A and B tensors are views of the ParameterSet, never copies. Detaches in its
/// destructor.
class LoraAttachment {
 public:
  /// @param adapter  outlives the attachment; names as core/lora_layout.h. Throws IoError naming a
  /// module the
  ///                 model lacks, a shape that does not fit, or what is not supported (DoRA,
  ///                 modules_to_save, adapters of the embedding; dropout when trainable).
  LoraAttachment(CausalLm& model, ParameterSet& adapter, const PeftLoraConfig& config, bool trainable);
  ~LoraAttachment();
  LoraAttachment(const LoraAttachment&) = delete;
  LoraAttachment& operator=(const LoraAttachment&) = delete;

  /// In the layout's entry order; leaves with requires_grad when trainable.
  const std::vector<at::Tensor>& tensors() const { return tensors_; }

 private:
  std::vector<at::Tensor> tensors_;
  std::vector<Projection*> attached_;
};

PeftLoraConfig to_peft_config(const LoraConfig& config, const std::string& base,
                              std::vector<std::string> target_modules);

/// W += s·B·A in fp32 on every adapted projection, which is fp32 from then on, quantised or not before.
void merge_lora(CausalLm& model, const ParameterSet& adapter, const PeftLoraConfig& config);

}  // namespace fennec
