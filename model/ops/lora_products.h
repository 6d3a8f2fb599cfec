#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/ops/lora_linear.h"

namespace fennec {

/// What the products of some linears over one input keep for the backward pass, x apart.
struct LoraProducts {
  at::Tensor u;        ///< [N, Σ R]: x·Aᵀ of every adapted linear side by side; undefined: none
  at::Tensor stacked;  ///< [Σ R, in]: every A below the other
};

/// The forward pass of lora_linears without autograd.
/// @param residual [N, out] added to the output of the only linear, or undefined
std::vector<at::Tensor> multiply(const at::Tensor& x, const std::vector<LoraLinear>& linears,
                                 const at::Tensor& residual, LoraProducts& kept);

struct LoraGradients {
  at::Tensor dx;                    ///< undefined unless asked for
  std::vector<at::Tensor> factors;  ///< dA and dB of every adapted linear
};

/// @param grads  of the outputs, contiguous
LoraGradients multiply_backward(const at::Tensor& x, const std::vector<LoraLinear>& linears,
                                const std::vector<at::Tensor>& grads, const LoraProducts& kept,
                                bool wants_dx);

}  // namespace fennec
