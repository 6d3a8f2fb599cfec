#pragma once
#include <ATen/core/Tensor.h>

namespace fennec {

/// silu(gate) · up (arXiv 2002.05202), differentiable in both; keeps only its inputs for the backward
/// pass.
/// @param gate, up [N, I] float  @return [N, I]
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

/// The same in plain tensor operations.
at::Tensor swiglu_reference(const at::Tensor& gate, const at::Tensor& up);

/// Both passes without autograd, over contiguous tensors; dgate may be grad.
void swiglu_out(const at::Tensor& gate, const at::Tensor& up, at::Tensor& out);
void swiglu_backward_out(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& grad,
                         at::Tensor& dgate, at::Tensor& dup);

}  // namespace fennec
