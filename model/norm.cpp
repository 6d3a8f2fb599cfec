#include "model/norm.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "model/ops/layer_norm.h"
#include "model/ops/rms_norm.h"

namespace fennec {

Norm::Norm(NormKind kind, std::string module, at::Tensor weight, at::Tensor bias)
    : kind_(kind), module_(std::move(module)), weight_(std::move(weight)), bias_(std::move(bias)) {
  FENNEC_CHECK(bias_.defined() == (kind_.form == NormKind::Form::kLayer), module_);
}

at::Tensor Norm::forward(const at::Tensor& x) const {
  const at::Tensor scale = rms_scale();
  return scale.defined() ? rms_norm(x, scale, kind_.epsilon)
                         : layer_norm(x, weight_, bias_, kind_.epsilon);
}

at::Tensor Norm::rms_scale() const {
  switch (kind_.form) {
    case NormKind::Form::kLayer:
      return {};
    case NormKind::Form::kRmsAboutOne:
      return weight_ + 1;
    case NormKind::Form::kRms:
      break;
  }
  return weight_;
}

void Norm::list(NamedTensors& all) const {
  all.emplace_back(module_ + ".weight", weight_);
  if (bias_.defined()) all.emplace_back(module_ + ".bias", bias_);
}

}  // namespace fennec
