#pragma once
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace fennec {

/// The tokens [begin, begin + length) of a row: one document.
struct DocumentRun {
  std::int64_t row = 0, begin = 0, length = 0;
};

/// Causal attention within each document: softmax(q·kᵀ/√E)·v over the keys not after the query, with K
/// kv-heads each serving H/K query heads. Work grows with Σ length². No [T, T] matrix is kept: a few
/// queries' scores exist at a time, the forward pass keeps their log-sum-exp and the backward pass
/// computes them again (arXiv 2307.08691, with whole rows of scores in place of the running softmax).
/// Tokens of no document get zeros. Differentiable in q, k and v.
/// @param q [B, H, T, E]  @param k, v [B, K, T, E]
/// @param window  a query sees itself and the window − 1 keys before it; 0: all
/// @return [B·T, H·E]
at::Tensor document_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const std::vector<DocumentRun>& documents, std::int64_t window = 0);

/// The same by the book, with a mask over repeated keys and values.
at::Tensor document_attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                        const std::vector<DocumentRun>& documents,
                                        std::int64_t window = 0);

}  // namespace fennec
