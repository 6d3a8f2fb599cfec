#pragma once
#include <ATen/core/Tensor.h>

#include "lora/adapter_branch.h"

namespace fennec {

/// y = base + s·(x·Aᵀ)·Bᵀ: the low-rank path beside one frozen linear (arXiv 2106.09685, eq. 3).
class LoraBranch final : public AdapterBranch {
 public:
  /// @param a [R, in]  @param b [out, R]
  LoraBranch(at::Tensor a, at::Tensor b, double scale);
  const LowRank* low_rank() const override { return &low_rank_; }
  at::Tensor apply(const at::Tensor& x, const at::Tensor& base_output) const override;
  bool is_trainable() const override {
    return low_rank_.a.requires_grad() || low_rank_.b.requires_grad();
  }
  LinearWeights merged(const Projection& base) const override;  ///< W + s·B·A, in fp32

 private:
  LowRank low_rank_;
};

}  // namespace fennec
