#include "model/projection.h"

#include <utility>

#include <ATen/ATen.h>

#include "core/error.h"

namespace fennec {

Projection::Projection(std::string module, at::Tensor weight, at::Tensor bias, bool conv1d)
    : module_(std::move(module)), weight_(std::move(weight)), bias_(std::move(bias)), conv1d_(conv1d) {
  FENNEC_CHECK(weight_.dim() == 2 && (!bias_.defined() || bias_.numel() == weight_.size(0)), module_);
}

at::Tensor Projection::forward(const at::Tensor& x) const {
  at::Tensor y = bias_.defined() ? at::addmm(bias_, x, weight_.t()) : at::mm(x, weight_.t());
  return branch_ ? branch_->apply(x, y) : y;
}

at::Tensor Projection::stored_weight() const { return conv1d_ ? weight_.t() : weight_; }

}  // namespace fennec
