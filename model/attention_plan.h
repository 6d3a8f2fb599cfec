#pragma once
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/causal_lm.h"
#include "model/ops/document_attention.h"
#include "model/ops/rotary_attention.h"
#include "model/rope.h"

namespace fennec {

/// Who sees whom in one forward pass, worked out once for all layers.
struct AttentionPlan {
  std::vector<DocumentRun> documents;  ///< not empty: each document attends to itself alone
  at::Tensor mask;                     ///< otherwise: additive, or undefined when everything is visible
  std::int64_t window = 0;  ///< of documents: tokens a query sees, itself among them; 0: no limit
};

/// Opens the cache's columns for the batch, if there is a cache.
/// @param positions [T] or [B, T] int64, those of the batch's tokens
AttentionPlan plan_attention(const TokenBatch& batch, const at::Tensor& positions, KvCache* cache);

/// The plan of layers with sliding attention (arXiv 2004.05150, section 3.1): of what `plan` shows a
/// token, only keys less than `window` positions before it. Call after plan_attention with the same
/// arguments.
AttentionPlan within_window(const AttentionPlan& plan, const TokenBatch& batch,
                            const at::Tensor& positions, const KvCache* cache, std::int64_t window);

/// @param q [B, H, T, E]  @param k, v [B, K, T, E] of the new tokens; with a cache they are stored in
/// it
/// @return [B·T, H·E]
at::Tensor attend(const AttentionPlan& plan, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, std::int64_t layer, KvCache* cache);

/// attend() straight from the outputs of the projections, q and k rotated by `rope` if it is defined.
/// @param q [B·T, H·E]  @param k, v [B·T, K·E]  @return [B·T, H·E]
at::Tensor attend_rotary(const AttentionPlan& plan, const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v, const RotaryHeads& heads, const RopeTable& rope,
                         std::int64_t layer, KvCache* cache);

}  // namespace fennec
