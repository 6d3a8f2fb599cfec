#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

namespace fennec {

/// y = x·Wᵀ + bias + s·(x·Aᵀ)·Bᵀ: a frozen linear with the low-rank path of arXiv 2106.09685, eq. 3.
struct LoraLinear {
  at::Tensor weight;  ///< [out, in] float
  at::Tensor bias;    ///< [out] float or undefined
  at::Tensor a, b;    ///< [R, in], [out, R] float; both undefined: the frozen linear alone
  double scale = 1;   ///< s
};

/// Linears over the same input, differentiable in x and every A and B. Keeps x and x·Aᵀ for the
/// backward pass; dx = Σ G·W + (s·G·B)·A in one buffer. A weight or bias that requires a gradient, or a
/// tensor of another device or type, takes the path in plain tensor operations.
/// @param x [N, in]  @return one [N, out] a linear
std::vector<at::Tensor> lora_linears(const at::Tensor& x, const std::vector<LoraLinear>& linears);
at::Tensor lora_linear(const at::Tensor& x, const LoraLinear& linear);

/// The same in plain tensor operations.
at::Tensor lora_linear_reference(const at::Tensor& x, const LoraLinear& linear);

}  // namespace fennec
