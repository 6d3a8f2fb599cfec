#pragma once
#include <ATen/core/Tensor.h>

namespace fennec {

/// Gaussian error linear unit (arXiv 1606.08415): x·Φ(x) with the exact Φ, or with its approximation
/// ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
enum class GeluForm { kErf, kTanh };

/// Differentiable; keeps only x for the backward pass.  @param x [N, I] float  @return [N, I]
at::Tensor gelu(const at::Tensor& x, GeluForm form);

/// gelu(gate)·up (arXiv 2002.05202), differentiable in both; keeps only its inputs.
/// @param gate, up [N, I] float  @return [N, I]
at::Tensor geglu(const at::Tensor& gate, const at::Tensor& up, GeluForm form);

/// The formula in plain tensor operations.
at::Tensor gelu_reference(const at::Tensor& x, GeluForm form);

}  // namespace fennec
