#include "model/ops/swiglu.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/ops/row_kernels.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr std::int64_t kElementsEach = 16 * 1024;  // elements a thread takes at least
/// Shared out in whole blocks: where a block's last, shorter vector lies must not depend on threads.
constexpr std::int64_t kBlock = 1024;

/// Calls body(offset, count) for blocks that cover 0 … n − 1.
template <class Body>
void parallel_blocks(std::int64_t n, const Body& body) {
  at::parallel_for(0, (n + kBlock - 1) / kBlock, kElementsEach / kBlock,
                   [&](std::int64_t begin, std::int64_t end) {
                     body(begin * kBlock, std::min(end * kBlock, n) - begin * kBlock);
                   });
}

class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static Variable forward(AutogradContext* context, const Variable& gate_in, const Variable& up_in) {
    const at::Tensor gate = gate_in.contiguous(), up = up_in.contiguous();
    at::Tensor out = at::empty_like(gate);
    swiglu_out(gate, up, out);
    context->save_for_backward({gate, up});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &gate = saved[0], &up = saved[1], grad = grads[0].contiguous();
    at::Tensor dgate = at::empty_like(gate), dup = at::empty_like(up);
    swiglu_backward_out(gate, up, grad, dgate, dup);
    return {dgate, dup};
  }
};

}  // namespace

void swiglu_out(const at::Tensor& gate, const at::Tensor& up, at::Tensor& out) {
  const float *g = gate.data_ptr<float>(), *u = up.data_ptr<float>();
  float* to = out.data_ptr<float>();
  parallel_blocks(gate.numel(),
                  [&](std::int64_t i, std::int64_t n) { swiglu_row(n, g + i, u + i, to + i); });
}

void swiglu_backward_out(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& grad,
                         at::Tensor& dgate, at::Tensor& dup) {
  const float *g = gate.data_ptr<float>(), *u = up.data_ptr<float>(), *dy = grad.data_ptr<float>();
  float *to_gate = dgate.data_ptr<float>(), *to_up = dup.data_ptr<float>();
  parallel_blocks(gate.numel(), [&](std::int64_t i, std::int64_t n) {
    swiglu_backward_row(n, g + i, u + i, dy + i, to_gate + i, to_up + i);
  });
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (!gate.is_cpu() || gate.scalar_type() != at::kFloat) return swiglu_reference(gate, up);
  return SwiGlu::apply(gate, up);
}

at::Tensor swiglu_reference(const at::Tensor& gate, const at::Tensor& up) {
  return at::silu(gate) * up;
}

}  // namespace fennec
