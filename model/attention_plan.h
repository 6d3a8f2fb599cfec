#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/causal_lm.h"
#include "model/ops/document_attention.h"

namespace fennec {

/// Who sees whom in one forward pass, worked out once for all layers.
struct AttentionPlan {
  std::vector<DocumentRun> documents;  ///< not empty: each document attends to itself alone
  at::Tensor mask;                     ///< otherwise: additive, or undefined when everything is visible
};

/// Opens the cache's columns for the batch, if there is a cache.
AttentionPlan plan_attention(const TokenBatch& batch, KvCache* cache);

/// @param q [B, H, T, E]  @param k, v [B, K, T, E] of the new tokens; with a cache they are stored in
/// it
/// @return [B·T, H·E]
at::Tensor attend(const AttentionPlan& plan, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, std::int64_t layer, KvCache* cache);

}  // namespace fennec
