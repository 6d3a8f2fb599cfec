#include "model/ops/lora_linear.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/ops/linear_input.h"
#include "model/ops/lora_products.h"
#include "model/ops/rms_norm.h"
#include "model/ops/swiglu.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// What one call multiplies, carried to its backward pass. The weights and factors in it belong to the
/// model, so they need not be released early as activations do.
struct LinearsCall : torch::CustomClassHolder {
  std::vector<LoraLinear> linears;
  std::unique_ptr<LinearInput> input;
  std::size_t sources = 1, factors = 0;
  bool has_residual = false;
};

using CallPtr = c10::intrusive_ptr<LinearsCall>;

class FusedLinears : public torch::autograd::Function<FusedLinears> {
 public:
  /// @param tensors  the sources of the input, the residual if there is one, then every a and b, which
  ///                 are in `call` too: autograd sees only arguments
  static variable_list forward(AutogradContext* context, at::TensorList tensors, const CallPtr& call) {
    std::vector<at::Tensor> sources;
    for (std::size_t i = 0; i < call->sources; ++i) sources.push_back(tensors[i].contiguous());
    const at::Tensor residual = call->has_residual ? tensors[call->sources] : at::Tensor();
    LoraProducts kept;
    variable_list outputs = multiply(call->input->compute(sources), call->linears, residual, kept);
    sources.push_back(kept.u);
    sources.push_back(kept.stacked);
    context->save_for_backward(std::move(sources));
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    return outputs;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto call =
        c10::static_intrusive_pointer_cast<LinearsCall>(context->saved_data["call"].toCapsule());
    std::vector<at::Tensor> sources = context->get_saved_variables();
    const LoraProducts kept{sources[call->sources], sources[call->sources + 1]};
    sources.resize(call->sources);
    for (at::Tensor& grad : grads) grad = grad.contiguous();
    bool wants_dx = false;
    for (std::size_t i = 0; i < call->sources; ++i) wants_dx = wants_dx || context->needs_input_grad(i);
    LoraGradients gradients =
        multiply_backward(call->input->compute(sources), call->linears, grads, kept, wants_dx);
    variable_list result(call->sources);
    if (wants_dx) result = call->input->backward(sources, gradients.dx);
    if (call->has_residual) result.push_back(grads[0]);
    result.insert(result.end(), gradients.factors.begin(), gradients.factors.end());
    result.resize(call->sources + (call->has_residual ? 1 : 0) + call->factors);
    result.emplace_back();  // of `call`
    return result;
  }
};

bool is_plain(const at::Tensor& t) { return t.is_cpu() && t.scalar_type() == at::kFloat; }

bool is_frozen(const at::Tensor& t) {
  return !t.defined() ||
         (is_plain(t) && t.is_contiguous() && !(t.requires_grad() && at::GradMode::is_enabled()));
}

bool has_fast_path(const at::Tensor& x, const std::vector<LoraLinear>& linears) {
  return is_plain(x) && std::all_of(linears.begin(), linears.end(), [](const LoraLinear& linear) {
           return linear.weight.has_products() && is_frozen(linear.bias) &&
                  (!linear.a.defined() || (is_plain(linear.a) && is_plain(linear.b)));
         });
}

std::vector<at::Tensor> apply(std::vector<at::Tensor> sources, std::unique_ptr<LinearInput> input,
                              const std::vector<LoraLinear>& linears, const at::Tensor& residual) {
  auto call = c10::make_intrusive<LinearsCall>();
  call->linears = linears;
  call->input = std::move(input);
  call->sources = sources.size();
  call->has_residual = residual.defined();
  std::vector<at::Tensor> tensors = std::move(sources);
  if (residual.defined()) tensors.push_back(residual);
  const std::size_t before = tensors.size();
  for (const LoraLinear& linear : linears)
    if (linear.a.defined()) tensors.insert(tensors.end(), {linear.a, linear.b});
  call->factors = tensors.size() - before;
  return FusedLinears::apply(at::TensorList(tensors), std::as_const(call));
}

}  // namespace

std::vector<at::Tensor> lora_linears(const at::Tensor& x, const std::vector<LoraLinear>& linears) {
  if (has_fast_path(x, linears)) return apply({x}, plain_input(), linears, {});
  std::vector<at::Tensor> outputs;
  for (const LoraLinear& linear : linears) outputs.push_back(lora_linear_reference(x, linear));
  return outputs;
}

at::Tensor lora_linear(const at::Tensor& x, const LoraLinear& linear, const at::Tensor& residual) {
  if (has_fast_path(x, {linear})) return apply({x}, plain_input(), {linear}, residual)[0];
  const at::Tensor y = lora_linear_reference(x, linear);
  return residual.defined() ? residual + y : y;
}

std::vector<at::Tensor> normed_linears(const at::Tensor& x, const at::Tensor& norm, double epsilon,
                                       const std::vector<LoraLinear>& linears) {
  if (has_fast_path(x, linears) && is_frozen(norm))
    return apply({x}, normed_input(norm, epsilon), linears, {});
  return lora_linears(rms_norm(x, norm, epsilon), linears);
}

at::Tensor gated_linear(const at::Tensor& gate, const at::Tensor& up, const LoraLinear& linear,
                        const at::Tensor& residual) {
  if (has_fast_path(gate, {linear}) && is_plain(up))
    return apply({gate, up}, gated_input(), {linear}, residual)[0];
  return lora_linear(swiglu(gate, up), linear, residual);
}

at::Tensor lora_linear_reference(const at::Tensor& x, const LoraLinear& linear) {
  at::Tensor y = at::mm(x, linear.weight.dense().t());
  if (linear.bias.defined()) y = y + linear.bias;
  if (!linear.a.defined()) return y;
  return y + at::mm(at::mm(x, linear.a.t()), linear.b.t()) * linear.scale;
}

}  // namespace fennec
