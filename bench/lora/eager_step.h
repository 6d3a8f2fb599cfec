#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/lora/step_shape.h"

namespace fennec::bench {

/// The same training step as one writes it in plain LibTorch: autograd over tensor operations, keys and
/// values repeated for every head, the mask added to a [T, T] matrix, logits of every position,
/// LibTorch's clipping and AdamW. The reference that the fused step is held against; shares the model's
/// weights.
class EagerTraining {
 public:
  explicit EagerTraining(const StepSetup& setup);
  ~EagerTraining();
  /// @return the loss, nats per supervised token
  double step(const TrainBatch& batch);

 private:
  struct Optimizer;
  at::Tensor adapted(const std::string& module, const at::Tensor& x) const;
  at::Tensor attention(const std::string& layer, const at::Tensor& x) const;
  at::Tensor hidden(const at::Tensor& ids);

  const StepSetup& setup_;
  double scale_;
  std::map<std::string, at::Tensor> weights_, factors_;  // by checkpoint name; by PEFT name
  at::Tensor cos_, sin_, mask_;                          // [T, E], [T, E], [T, T]
  std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace fennec::bench
