#pragma once
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/ops/document_attention.h"
#include "model/rope.h"

namespace fennec {

/// document_attention with rotary positions, straight from the projections' outputs to the next
/// projection's input: the heads are never moved apart. Keeps the rotated q and k, v and a log-sum-exp
/// a query.
/// @param q [B·T, H·E]  @param k, v [B·T, K·E]  @param table  cos and sin [T, d/2] or [B, T, d/2]
/// @return [B·T, H·E]
struct RotaryHeads {
  std::int64_t batch, heads, kv_heads;  ///< B, H, K
};
at::Tensor rotary_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const RotaryHeads& shape, const RopeTable& table,
                            const std::vector<DocumentRun>& documents, std::int64_t window = 0);

/// By way of split_heads and document_attention.
at::Tensor rotary_attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                      const RotaryHeads& shape, const RopeTable& table,
                                      const std::vector<DocumentRun>& documents,
                                      std::int64_t window = 0);

}  // namespace fennec
