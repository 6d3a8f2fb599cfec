#pragma once
#include <ATen/core/Tensor.h>

#include "lora/adapter_branch.h"

namespace fennec {

/// y = bias + c ⊙ (W·x + s·B·(A·x)) with c = m/‖W + s·B·A‖ by rows (arXiv 2402.09353). The norm is a
/// constant in the backward pass (section 4.3 there), and is had without forming B·A:
/// ‖V_j‖² = ‖W_j‖² + 2s·(B∘(W·Aᵀ))_j·1 + s²·((B·(A·Aᵀ))∘B)_j·1.
class DoraBranch final : public AdapterBranch {
 public:
  /// @param a [R, in]  @param b [out, R]  @param magnitude [out].  When none of them requires a
  /// gradient they must not change while the branch lives: c is then worked out once.
  DoraBranch(const Projection& base, at::Tensor a, at::Tensor b, at::Tensor magnitude, double scale);
  at::Tensor apply(const at::Tensor& x, const at::Tensor& base_output) const override;
  LinearWeights merged(const Projection& base) const override;

  at::Tensor row_norms() const;  ///< ‖W + s·B·A‖ by rows, [out], without a gradient

 private:
  at::Tensor row_factors() const;  ///< c, [out]

  FrozenWeight weight_;
  at::Tensor bias_, a_, b_, magnitude_;
  at::Tensor squared_norms_;  ///< ‖W_j‖², [out]
  double scale_;
  at::Tensor constant_factors_;  ///< c, when nothing is trained
};

}  // namespace fennec
