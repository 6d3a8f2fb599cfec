#pragma once
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace fennec {

/// The tokens [begin, begin + length) of a row: one document.
struct DocumentRun {
  std::int64_t row = 0, begin = 0, length = 0;
};

/// Causal attention within each document of packed rows: work grows with Σ length², not with rows × T².
/// Tokens of no document get zeros. Differentiable in q, k and v.
/// @param q [B, H, T, E] contiguous  @param k, v [B, K, T, E] contiguous  @return [B·T, H·E]
at::Tensor document_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const std::vector<DocumentRun>& documents);

}  // namespace fennec
