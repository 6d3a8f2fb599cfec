#pragma once
#include <ATen/core/Tensor.h>

namespace fennec {

/// Layer normalisation (arXiv 1607.06450): y = (x − mean(x)) / √(var(x) + epsilon) · weight + bias with
/// the biased variance, differentiable in all three. LibTorch's kernel: one pass, mean and scale kept
/// for the backward pass.
/// @param x [N, D] float  @param weight, bias [D] float  @return [N, D]
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double epsilon);

/// The same in plain tensor operations.
at::Tensor layer_norm_reference(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                double epsilon);

}  // namespace fennec
