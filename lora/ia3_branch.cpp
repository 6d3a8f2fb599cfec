#include "lora/ia3_branch.h"

#include <utility>

#include <ATen/ATen.h>

namespace fennec {

Ia3Branch::Ia3Branch(at::Tensor factors) : factors_(std::move(factors)) {}

bool Ia3Branch::scales_input() const { return factors_.size(1) != 1; }

at::Tensor Ia3Branch::input(const at::Tensor& x) const { return scales_input() ? x * factors_ : x; }

at::Tensor Ia3Branch::apply(const at::Tensor&, const at::Tensor& base_output) const {
  return scales_input() ? base_output : base_output * factors_.t();
}

LinearWeights Ia3Branch::merged(const Projection& base) const {
  const bool scales_bias = base.bias().defined() && !scales_input();
  return {base.weight() * factors_, scales_bias ? base.bias() * factors_.flatten() : base.bias()};
}

}  // namespace fennec
