#include "lora/dora_branch.h"

#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "model/ops/lora_linear.h"

namespace fennec {

namespace {
constexpr double kSmallestSquare = 1e-30;  // a row that cancels to nothing must not divide by zero
}  // namespace

DoraBranch::DoraBranch(const Projection& base, at::Tensor a, at::Tensor b, at::Tensor magnitude,
                       double scale)
    : weight_(base.frozen()),
      bias_(base.bias()),
      a_(std::move(a)),
      b_(std::move(b)),
      magnitude_(std::move(magnitude)),
      scale_(scale) {
  const at::NoGradGuard no_grad;
  squared_norms_ = weight_.dense().square().sum(/*dim=*/1, /*keepdim=*/false, at::kDouble);
  const bool is_trained = a_.requires_grad() || b_.requires_grad() || magnitude_.requires_grad();
  if (!is_trained) constant_factors_ = row_factors();
}

at::Tensor DoraBranch::row_norms() const {
  const at::NoGradGuard no_grad;
  const at::Tensor cross = (b_ * lora_linear(a_, {weight_, {}, {}, {}, 1}).t()).sum(1);  // [out]
  const at::Tensor low_rank = (at::mm(b_, at::mm(a_, a_.t())) * b_).sum(1);              // [out]
  const at::Tensor squares = squared_norms_ + 2 * scale_ * cross + scale_ * scale_ * low_rank;
  return squares.clamp_min(kSmallestSquare).sqrt().to(at::kFloat);
}

at::Tensor DoraBranch::row_factors() const {
  return constant_factors_.defined() ? constant_factors_ : magnitude_ / row_norms();
}

at::Tensor DoraBranch::apply(const at::Tensor& x, const at::Tensor& base_output) const {
  at::Tensor direction = at::addmm(base_output, at::mm(x, a_.t()), b_.t(), /*beta=*/1, scale_);
  if (!bias_.defined()) return direction * row_factors();
  return bias_ + (direction - bias_) * row_factors();
}

LinearWeights DoraBranch::merged(const Projection& base) const {
  const at::Tensor direction = at::addmm(base.weight(), b_, a_, /*beta=*/1, scale_);
  return {direction * row_factors().unsqueeze(1), base.bias()};
}

}  // namespace fennec
