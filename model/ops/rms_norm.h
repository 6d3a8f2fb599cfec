#pragma once
#include <ATen/core/Tensor.h>

namespace fennec {

/// RMSNorm (arXiv 1910.07467): y = x · rsqrt(mean(x²) + epsilon) · weight, differentiable in both.
/// @param x [N, D] float  @param weight [D] float  @return [N, D]
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

/// The same in plain tensor operations: what the fused one is tested against, and what other devices
/// run.
at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight, double epsilon);

/// Both passes without autograd, over contiguous tensors. `scale` [N] is written by the first and read
/// by the second, whose dx may be grad.
void rms_norm_out(const at::Tensor& x, const at::Tensor& weight, double epsilon, at::Tensor& y,
                  at::Tensor& scale);
void rms_norm_backward_out(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                           const at::Tensor& grad, at::Tensor& dx);

}  // namespace fennec
