#include "lora/lora_branch.h"

#include <ATen/ATen.h>

#include <utility>

namespace fennec {

LoraBranch::LoraBranch(at::Tensor a, at::Tensor b, double scale)
    : a_(std::move(a)), b_(std::move(b)), scale_(scale) {}

at::Tensor LoraBranch::apply(const at::Tensor& x, const at::Tensor& base_output) const {
  const at::Tensor u = at::mm(x, a_.t());  // [N, R]
  return base_output.addmm_(u, b_.t(), /*beta=*/1, /*alpha=*/scale_);
}

}  // namespace fennec
