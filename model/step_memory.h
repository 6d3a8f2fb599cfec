#pragma once
#include <cstdint>
#include <string>

#include "model/model_shape.h"

namespace fennec {

/// One optimizer step of an adapter on a frozen base.
struct StepShape {
  std::string base_precision = "fp32";
  std::int64_t rows = 1, row_tokens = 512;  ///< padded: B and T
  std::int64_t supervised_tokens = 512;     ///< of the whole batch
  std::int64_t adapter_parameters = 0;      ///< trained values
  std::int64_t layer_rank = 0;              ///< ranks of one layer's adapted linears, summed
  bool gradient_checkpointing = false;
  std::int64_t first_layer = 0;        ///< the first adapted layer: of those before it nothing is kept
  double prefix_cache_bytes = 0;       ///< room for their output in memory (train.prefix_cache)
  std::int64_t frozen_parameters = 0;  ///< of the adapter, not trained
  /// Kept of one layer for adapters that are no plain A and B, values a token.
  std::int64_t branch_values = 0;
  bool forward_only = false;  ///< two forward passes instead of forward and backward (MeZO)
};

/// Bytes at the peak of a step.
struct StepMemory {
  double weights = 0;       ///< of the base as it is kept
  double adapter = 0;       ///< values, gradients, both moments, and the values the round began with
  double activations = 0;   ///< kept for the backward pass, and what one layer's backward pass adds
  double logits = 0;        ///< of the loss: what exceeds the activations' peak
  double prefix_cache = 0;  ///< states of the layers below the first adapted one
  double runtime = 0;       ///< the program itself: code, LibTorch, BLAS buffers, tiles
  double total() const { return weights + adapter + activations + logits + prefix_cache + runtime; }
};

/// An estimate, right to about ±10 % where tests/lora/step_memory_test.cpp measures it.
StepMemory estimate_step(const ModelShape& model, const StepShape& step);

/// Bytes that rows × columns weights take in a precision of ModelConfig; an unknown one: ConfigError.
double weight_bytes(const std::string& precision, std::int64_t rows, std::int64_t columns);

}  // namespace fennec
