#include "lora/stacked_branch.h"

#include <ATen/ATen.h>

namespace fennec {

at::Tensor StackedBranch::apply(const at::Tensor& x, const at::Tensor& base_output) const {
  const at::Tensor u = at::mm(x, frozen_.a.t());  // [N, R]
  return top_->apply(x, at::addmm(base_output, u, frozen_.b.t(), /*beta=*/1, /*alpha=*/frozen_.scale));
}

LinearWeights StackedBranch::merged(const Projection& base) const {
  LinearWeights out = top_->merged(base);
  out.weight = at::addmm(out.weight, frozen_.b, frozen_.a, /*beta=*/1, /*alpha=*/frozen_.scale);
  return out;
}

}  // namespace fennec
