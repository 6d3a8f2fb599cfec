#pragma once
#include <ATen/core/Tensor.h>

#include "lora/adapter_branch.h"

namespace fennec {

/// (IA)³ (arXiv 2205.05638): y = l ⊙ (W·x + bias), or y = W·(l ⊙ x) + bias where the input is scaled.
class Ia3Branch final : public AdapterBranch {
 public:
  /// @param factors  l, [out, 1], or [1, in] to scale the input
  explicit Ia3Branch(at::Tensor factors);
  at::Tensor input(const at::Tensor& x) const override;
  at::Tensor apply(const at::Tensor& x, const at::Tensor& base_output) const override;
  LinearWeights merged(const Projection& base) const override;

 private:
  bool scales_input() const;
  at::Tensor factors_;
};

}  // namespace fennec
