#include "model/projection.h"

#include <utility>

#include "core/error.h"

namespace fennec {

Projection::Projection(std::string module, at::Tensor weight, at::Tensor bias, bool conv1d)
    : module_(std::move(module)), weight_(std::move(weight)), bias_(std::move(bias)), conv1d_(conv1d) {
  FENNEC_CHECK(weight_.dim() == 2 && (!bias_.defined() || bias_.numel() == weight_.size(0)), module_);
}

LoraLinear Projection::linear() const {
  if (branch_ == nullptr || branch_->low_rank() == nullptr) return {weight_, bias_, {}, {}, 1};
  const LowRank& low_rank = *branch_->low_rank();
  return {weight_, bias_, low_rank.a, low_rank.b, low_rank.scale};
}

at::Tensor Projection::forward(const at::Tensor& x) const {
  const at::Tensor y = lora_linear(x, linear());
  return folds() ? y : branch_->apply(x, y);
}

std::vector<at::Tensor> Projection::forward_all(const at::Tensor& x,
                                                const std::vector<const Projection*>& projections) {
  std::vector<LoraLinear> linears;
  for (const Projection* projection : projections) linears.push_back(projection->linear());
  std::vector<at::Tensor> outputs = lora_linears(x, linears);
  for (std::size_t i = 0; i < projections.size(); ++i)
    if (!projections[i]->folds()) outputs[i] = projections[i]->branch_->apply(x, outputs[i]);
  return outputs;
}

at::Tensor Projection::stored_weight() const { return conv1d_ ? weight_.t() : weight_; }

}  // namespace fennec
