#pragma once
#include <ATen/core/Tensor.h>

namespace fennec {

/// softmax(q·kᵀ/√E + mask)·v with K kv-heads each serving H/K query heads, differentiable in q, k and
/// v.
/// @param q [B, H, T, E] contiguous  @param k, v [B, K, S, E], S ≥ T, rows of a cache or contiguous
/// @param mask  additive [1 or B, T, S] float, or undefined: every query sees every key
/// @return [B·T, H·E]
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& mask);

/// The same by the book: keys and values repeated for every query head.
at::Tensor attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& mask);

}  // namespace fennec
