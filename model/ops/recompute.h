#pragma once
#include <functional>

#include <ATen/core/Tensor.h>

namespace fennec {

/// y = f(x), keeping x alone for the backward pass, which computes f(x) again to differentiate it
/// (gradient checkpointing, arXiv 1604.06174). Gradients of tensors that f uses beside x go straight
/// into their .grad. f is called once now and once in the backward pass, and must give the same both
/// times. Without gradient mode, or when nothing wants a gradient, just f(x).
/// @param trains  whether f uses tensors that want a gradient beside x
at::Tensor recompute_in_backward(std::function<at::Tensor(const at::Tensor&)> f, const at::Tensor& x,
                                 bool trains);

}  // namespace fennec
