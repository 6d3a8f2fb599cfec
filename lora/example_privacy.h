#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/error.h"
#include "lora/packing.h"
#include "lora/step_rule.h"

namespace fennec {

/// Example-level differential privacy of local training (DP-SGD): who is in a step, and what becomes of
/// the examples' gradients. The host says how; where its noise comes from is not known here.
class ExamplePrivacy {
 public:
  virtual ~ExamplePrivacy() = default;
  /// Optimizer steps of a round.
  virtual std::int64_t total_steps() const = 0;
  /// Begins a step. @param values  of a gradient  @return who is in it, ascending; may be empty
  virtual std::vector<std::size_t> begin(std::int64_t step, std::size_t values) = 0;
  /// One example's gradient, which may be changed. kNumeric when it is not finite; it then counts for
  /// nothing.
  virtual Result<void> add(std::span<float> gradient) = 0;
  /// The step's gradient, noised.
  virtual void release(std::span<float> gradient) = 0;
};

/// A step's batch: each example in a row of its own. Of nobody, [0, 0].
TrainBatch private_batch(const std::vector<TokenizedExample>& examples,
                         const std::vector<std::size_t>& chosen);

/// Values of the tensors that require a gradient.
std::size_t trained_values(const std::vector<at::Tensor>& tensors);

/// One forward and backward pass for each row, one row in memory at a time, so gradients and norms are
/// those of single examples, whatever the adapter is made of; what is released becomes the tensors'
/// gradient. An example's loss is its mean over supervised tokens. A loss or gradient that is not
/// finite counts for nothing.
StepLoss private_gradient(const CausalLm& model, const std::vector<at::Tensor>& tensors,
                          const TrainBatch& batch, ExamplePrivacy& privacy);

}  // namespace fennec
