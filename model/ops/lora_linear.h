#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/frozen_weight.h"

namespace fennec {

/// y = x·Wᵀ + bias + s·(x·Aᵀ)·Bᵀ: a frozen linear with the low-rank path of arXiv 2106.09685, eq. 3.
struct LoraLinear {
  FrozenWeight weight;  ///< [out, in]
  at::Tensor bias;      ///< [out] float or undefined
  at::Tensor a, b;      ///< [R, in], [out, R] float; both undefined: the frozen linear alone
  double scale = 1;     ///< s
};

// All of these are differentiable in their activations and in every A and B; the gradient of an input
// shared by linears, dx = Σ G·W + (s·G·B)·A, is summed in one buffer. A weight or bias that requires a
// gradient, or a tensor of another device or type, takes the path in plain tensor operations.

/// Linears over the same input.  @param x [N, in]  @return one [N, out] a linear
std::vector<at::Tensor> lora_linears(const at::Tensor& x, const std::vector<LoraLinear>& linears);

/// residual + y, or y.  @param residual [N, out] or undefined
at::Tensor lora_linear(const at::Tensor& x, const LoraLinear& linear, const at::Tensor& residual = {});

/// Linears over rms_norm(x, norm, epsilon), which the backward pass computes again instead of keeping
/// it.
std::vector<at::Tensor> normed_linears(const at::Tensor& x, const at::Tensor& norm, double epsilon,
                                       const std::vector<LoraLinear>& linears);

/// residual + the linear of swiglu(gate, up), which the backward pass computes again.
/// @param gate, up [N, in]  @param residual [N, out] or undefined
at::Tensor gated_linear(const at::Tensor& gate, const at::Tensor& up, const LoraLinear& linear,
                        const at::Tensor& residual = {});

/// y in plain tensor operations, a quantised weight expanded as a whole.
at::Tensor lora_linear_reference(const at::Tensor& x, const LoraLinear& linear);

}  // namespace fennec
