#pragma once
#include <memory>

#include <ATen/core/Tensor.h>

#include "lora/adapter_branch.h"

namespace fennec {

/// A frozen low-rank path beneath another branch: y = top(x, base + s·(x·Aᵀ)·Bᵀ).
class StackedBranch final : public AdapterBranch {
 public:
  /// @param frozen  a [R, in], b [out, R]
  StackedBranch(std::shared_ptr<const AdapterBranch> top, LowRank frozen)
      : top_(std::move(top)), frozen_(std::move(frozen)) {}
  at::Tensor apply(const at::Tensor& x, const at::Tensor& base_output) const override;
  bool is_trainable() const override { return top_->is_trainable(); }
  LinearWeights merged(const Projection& base) const override;

 private:
  std::shared_ptr<const AdapterBranch> top_;
  LowRank frozen_;
};

}  // namespace fennec
