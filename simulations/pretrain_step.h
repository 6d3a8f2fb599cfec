#pragma once
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/causal_lm.h"
#include "simulations/pretrain_batch.h"

namespace fennec {

/// Sums over predicted tokens, nats.
struct PretrainLoss {
  double context_nats = 0, answer_nats = 0;
  std::int64_t context_tokens = 0, answer_tokens = 0;
  void add(const PretrainLoss& other);
  double context() const {
    return context_tokens > 0 ? context_nats / static_cast<double>(context_tokens) : 0;
  }
  double answer() const {
    return answer_tokens > 0 ? answer_nats / static_cast<double>(answer_tokens) : 0;
  }
};

/// Log-probabilities of the predicted tokens of a batch. @return [B·T, V]
at::Tensor log_probabilities(const CausalLm& model, const PretrainBatch& batch);

/// Sets the parameters' gradients of Σ weight·nats / Σ weight over all batches. Batches are spread over
/// `threads` threads in a fixed way and summed in batch order, so the result is the same bits whichever
/// thread is first.
PretrainLoss accumulate_gradients(const CausalLm& model, const std::vector<at::Tensor>& parameters,
                                  const std::vector<PretrainBatch>& batches, int threads);

}  // namespace fennec
