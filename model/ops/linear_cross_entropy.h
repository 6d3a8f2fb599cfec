#pragma once
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model/frozen_weight.h"

namespace fennec {

/// Σ −log softmax(h·Wᵀ)[target] over rows, in nats. The [N, V] logits never exist: a few hundred rows
/// at a time are turned into their part of the loss and, when h wants a gradient, at once into their
/// rows of dh = (softmax − onehot)·W, which is all the backward pass keeps. Differentiable in h; a
/// weight that requires a gradient, or a tensor of another device or type, takes the path in plain
/// tensor operations.
/// @param h [N, D] float  @param weight [V, D]  @param targets [N] int64, each in 0 … V − 1
/// @return scalar
at::Tensor linear_cross_entropy(const at::Tensor& h, const FrozenWeight& weight,
                                const at::Tensor& targets);

/// Rows of logits that linear_cross_entropy() holds at a time, at most.
std::int64_t logit_rows(std::int64_t vocabulary);

/// The same in plain tensor operations, with all logits.
at::Tensor linear_cross_entropy_reference(const at::Tensor& h, const FrozenWeight& weight,
                                          const at::Tensor& targets);

}  // namespace fennec
