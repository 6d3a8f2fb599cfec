#include "model/ops/gelu.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

const char* approximation(bool tanh) { return tanh ? "tanh" : "none"; }

class GeGlu : public torch::autograd::Function<GeGlu> {
 public:
  static Variable forward(AutogradContext* context, const Variable& gate, const Variable& up,
                          bool tanh) {
    context->save_for_backward({gate, up});
    context->saved_data["tanh"] = tanh;
    return at::gelu(gate, approximation(tanh)).mul_(up);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &gate = saved[0], &up = saved[1];
    const char* form = approximation(context->saved_data["tanh"].toBool());
    return {at::gelu_backward(grads[0] * up, gate, form), at::gelu(gate, form).mul_(grads[0]),
            Variable()};
  }
};

}  // namespace

at::Tensor gelu(const at::Tensor& x, GeluForm form) {
  return at::gelu(x, approximation(form == GeluForm::kTanh));
}

at::Tensor geglu(const at::Tensor& gate, const at::Tensor& up, GeluForm form) {
  return GeGlu::apply(gate, up, form == GeluForm::kTanh);
}

at::Tensor gelu_reference(const at::Tensor& x, GeluForm form) {
  if (form == GeluForm::kErf) return 0.5 * x * (1 + at::erf(x / std::numbers::sqrt2));
  const double slope = std::sqrt(2 / std::numbers::pi);
  return 0.5 * x * (1 + at::tanh(slope * (x + 0.044715 * x * x * x)));
}

}  // namespace fennec
