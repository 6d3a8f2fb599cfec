#include "model/projection.h"

#include <utility>

#include <ATen/ATen.h>

#include "core/error.h"

namespace fennec {

Projection::Projection(std::string module, FrozenWeight weight, at::Tensor bias, bool conv1d)
    : module_(std::move(module)), weight_(std::move(weight)), bias_(std::move(bias)), conv1d_(conv1d) {
  FENNEC_CHECK(weight_.defined() && (!bias_.defined() || bias_.numel() == weight_.out_features()),
               module_);
}

LoraLinear Projection::linear() const {
  if (branch_ == nullptr || branch_->low_rank() == nullptr) return {weight_, bias_, {}, {}, 1};
  const LowRank& low_rank = *branch_->low_rank();
  return {weight_, bias_, low_rank.a, low_rank.b, low_rank.scale};
}

at::Tensor Projection::forward(const at::Tensor& x, const at::Tensor& residual) const {
  if (folds()) return lora_linear(x, linear(), residual);
  const at::Tensor input = branch_->input(x);
  const at::Tensor y = branch_->apply(input, lora_linear(input, linear()));
  return residual.defined() ? residual + y : y;
}

at::Tensor Projection::forward_gated(Activation activation, const at::Tensor& gate,
                                     const at::Tensor& up, const at::Tensor& residual) const {
  if (activation == Activation::kSilu && folds()) return gated_linear(gate, up, linear(), residual);
  return forward(activate_gated(activation, gate, up), residual);
}

std::vector<at::Tensor> Projection::forward_normed(const at::Tensor& x, const Norm& norm,
                                                   const std::vector<const Projection*>& projections) {
  std::vector<LoraLinear> linears;
  for (const Projection* projection : projections)
    if (projection->folds()) linears.push_back(projection->linear());
  const bool all_fold = linears.size() == projections.size();
  if (const at::Tensor scale = norm.rms_scale(); all_fold && scale.defined())
    return normed_linears(x, scale, norm.epsilon(), linears);
  const at::Tensor input = norm.forward(x);
  if (all_fold) return lora_linears(input, linears);
  std::vector<at::Tensor> outputs;
  for (const Projection* projection : projections) outputs.push_back(projection->forward(input));
  return outputs;
}

at::Tensor Projection::stored_weight() const { return conv1d_ ? weight().t() : weight(); }

}  // namespace fennec
