#pragma once
#include <ATen/core/Tensor.h>

namespace fennec {

/// RMSNorm (arXiv 1910.07467): y = x · rsqrt(mean(x²) + epsilon) · weight, differentiable in both.
/// @param x [N, D] float  @param weight [D] float  @return [N, D]
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

/// The same in plain tensor operations: what the fused one is tested against, and what other devices
/// run.
at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight, double epsilon);

}  // namespace fennec
