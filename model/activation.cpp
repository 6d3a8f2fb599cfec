#include "model/activation.h"

#include <utility>

#include <ATen/ATen.h>

#include "core/error.h"
#include "model/ops/gelu.h"
#include "model/ops/swiglu.h"

namespace fennec {
namespace {

constexpr std::pair<const char*, Activation> kActivations[] = {
    {"silu", Activation::kSilu},          {"swish", Activation::kSilu},
    {"gelu", Activation::kGelu},          {"gelu_new", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh}, {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"relu", Activation::kRelu},
};

GeluForm form_of(Activation activation) {
  return activation == Activation::kGelu ? GeluForm::kErf : GeluForm::kTanh;
}

}  // namespace

Activation read_activation(const HfConfig& config, const char* key, const std::string& fallback) {
  const std::string name = config.text(key, fallback);
  std::string known;
  for (const auto& [spelling, activation] : kActivations) {
    if (name == spelling) return activation;
    known += std::string(known.empty() ? "" : ", ") + spelling;
  }
  config.refuse(key, "names the activation '" + name + "'; supported: " + known);
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kGelu:
    case Activation::kGeluTanh:
      break;
  }
  return gelu(x, form_of(activation));
}

at::Tensor activate_gated(Activation activation, const at::Tensor& gate, const at::Tensor& up) {
  switch (activation) {
    case Activation::kSilu:
      return swiglu(gate, up);
    case Activation::kRelu:
      return at::relu(gate) * up;
    case Activation::kGelu:
    case Activation::kGeluTanh:
      break;
  }
  return geglu(gate, up, form_of(activation));
}

}  // namespace fennec
