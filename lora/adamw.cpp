#include "lora/adamw.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/ops/optimizer_kernels.h"

namespace fennec {
namespace {

std::span<float> contiguous_grad(const at::Tensor& tensor) {
  at::Tensor grad = tensor.grad();
  if (!grad.defined()) return {};
  FENNEC_CHECK(grad.is_contiguous() && grad.scalar_type() == at::kFloat);
  return {grad.data_ptr<float>(), static_cast<std::size_t>(grad.numel())};
}

}  // namespace

AdamW::AdamW(std::vector<at::Tensor> tensors, AdamWOptions options, std::vector<bool> decays,
             std::vector<double> rates)
    : tensors_(std::move(tensors)),
      options_(options),
      decays_(std::move(decays)),
      rates_(std::move(rates)) {
  if (decays_.empty()) decays_.assign(tensors_.size(), true);
  if (rates_.empty()) rates_.assign(tensors_.size(), 1.0);
  FENNEC_CHECK(decays_.size() == tensors_.size() && rates_.size() == tensors_.size());
  std::size_t total = 0;
  for (const at::Tensor& tensor : tensors_) {
    FENNEC_CHECK(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat && tensor.is_cpu());
    total += static_cast<std::size_t>(tensor.numel());
  }
  m_.assign(total, 0.0F);
  v_.assign(total, 0.0F);
}

void AdamW::step(double learning_rate) {
  ++steps_;
  const double bias1 = 1 - std::pow(options_.beta1, static_cast<double>(steps_));
  const double bias2 = 1 - std::pow(options_.beta2, static_cast<double>(steps_));
  AdamWScales scales{static_cast<float>(options_.beta1),
                     static_cast<float>(options_.beta2),
                     static_cast<float>(1 - options_.beta1),
                     static_cast<float>(1 - options_.beta2),
                     1.0F,
                     1.0F,
                     static_cast<float>(1 / std::sqrt(bias2)),
                     static_cast<float>(options_.epsilon)};
  std::size_t offset = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const std::int64_t n = tensors_[i].numel();
    const double rate = learning_rate * rates_[i];
    scales.decay = decays_[i] ? static_cast<float>(1 - rate * options_.weight_decay) : 1.0F;
    scales.step_size = static_cast<float>(rate / bias1);
    if (const auto grad = contiguous_grad(tensors_[i]); !grad.empty())
      adamw_row(n, scales, grad.data(), tensors_[i].data_ptr<float>(), m_.data() + offset,
                v_.data() + offset);
    offset += static_cast<std::size_t>(n);
  }
}

void zero_grad(const std::vector<at::Tensor>& tensors) {
  for (const at::Tensor& tensor : tensors) std::ranges::fill(contiguous_grad(tensor), 0.0F);
}

Result<void> AdamW::restore(std::span<const float> m, std::span<const float> v, std::int64_t steps) {
  if (m.size() != m_.size() || v.size() != v_.size())
    return fail(ErrorCode::kMismatch, "optimizer moments have " + std::to_string(m.size()) + " and " +
                                          std::to_string(v.size()) + " values, the tensors " +
                                          std::to_string(m_.size()));
  std::ranges::copy(m, m_.begin());
  std::ranges::copy(v, v_.begin());
  steps_ = steps;
  return {};
}

double clip_grad_norm(const std::vector<at::Tensor>& tensors, double max_norm) {
  double sum = 0;
  for (const at::Tensor& tensor : tensors) {
    const auto grad = contiguous_grad(tensor);
    sum += sum_of_squares(static_cast<std::int64_t>(grad.size()), grad.data());
  }
  const double norm = std::sqrt(sum);
  if (max_norm <= 0 || norm <= max_norm) return norm;
  const auto scale = static_cast<float>(max_norm / (norm + 1e-6));
  for (const at::Tensor& tensor : tensors)
    for (float& g : contiguous_grad(tensor)) g *= scale;
  return norm;
}

}  // namespace fennec
