#pragma once
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace fennec {

/// Tensors by the name a checkpoint gives them.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// What kind of normalisation a family has in front of its layers.
struct NormKind {
  enum class Form { kRms, kRmsAboutOne, kLayer };
  Form form = Form::kRms;  ///< kRmsAboutOne scales by 1 + weight (Gemma)
  double epsilon = 1e-6;
};

/// A named normalisation over the last dimension.
class Norm {
 public:
  Norm() = default;
  /// @param weight [D]  @param bias [D] for kLayer, else undefined
  Norm(NormKind kind, std::string module, at::Tensor weight, at::Tensor bias = {});
  /// @param x [N, D]  @return [N, D]
  at::Tensor forward(const at::Tensor& x) const;
  /// [D]: what an RMSNorm multiplies by. Undefined for other norms.
  at::Tensor rms_scale() const;
  double epsilon() const { return kind_.epsilon; }
  void list(NamedTensors& all) const;  ///< appends its weight and bias

 private:
  NormKind kind_;
  std::string module_;
  at::Tensor weight_, bias_;
};

}  // namespace fennec
