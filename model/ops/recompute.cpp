#include "model/ops/recompute.h"

#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

struct Computation final : torch::CustomClassHolder {
  explicit Computation(std::function<at::Tensor(const at::Tensor&)> function)
      : f(std::move(function)) {}
  std::function<at::Tensor(const at::Tensor&)> f;
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  /// @param anchor  wants a gradient, so that the backward pass comes here although x may not want one
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& /*anchor*/,
                          const c10::intrusive_ptr<Computation>& computation) {
    context->save_for_backward({x});
    context->saved_data["f"] = c10::IValue::make_capsule(computation);
    return computation->f(x);  // gradient mode is off in here
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const bool wants_dx = context->needs_input_grad(0);
    const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_(wants_dx);
    const auto capsule = context->saved_data["f"].toCapsule();
    const at::AutoGradMode with_grad(true);
    const at::Tensor y = static_cast<const Computation&>(*capsule).f(x);
    torch::autograd::backward({y}, {grads[0]});
    return {wants_dx ? x.grad() : at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor recompute_in_backward(std::function<at::Tensor(const at::Tensor&)> f, const at::Tensor& x,
                                 bool trains) {
  if (!at::GradMode::is_enabled() || !(trains || x.requires_grad())) return f(x);
  const at::Tensor anchor = at::empty({0}, x.options()).requires_grad_(true);
  return Recompute::apply(x, anchor, c10::make_intrusive<Computation>(std::move(f)));
}

}  // namespace fennec
