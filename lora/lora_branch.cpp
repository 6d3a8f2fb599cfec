#include "lora/lora_branch.h"

#include <ATen/ATen.h>

#include <utility>

namespace fennec {

LoraBranch::LoraBranch(at::Tensor a, at::Tensor b, double scale)
    : low_rank_{std::move(a), std::move(b), scale} {}

at::Tensor LoraBranch::apply(const at::Tensor& x, const at::Tensor& base_output) const {
  const at::Tensor u = at::mm(x, low_rank_.a.t());  // [N, R]
  return base_output.addmm_(u, low_rank_.b.t(), /*beta=*/1, /*alpha=*/low_rank_.scale);
}

LinearWeights LoraBranch::merged(const Projection& base) const {
  return {at::addmm(base.weight(), low_rank_.b, low_rank_.a, /*beta=*/1, /*alpha=*/low_rank_.scale),
          base.bias()};
}

}  // namespace fennec
