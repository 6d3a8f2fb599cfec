#include "lora/example_privacy.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/log.h"

namespace fennec {
namespace {

/// Tokens up to the last label: what follows has no part in the loss.
std::int64_t supervised_width(const at::Tensor& labels) {
  const std::int64_t* label = labels.data_ptr<std::int64_t>();
  std::int64_t width = labels.size(1);
  while (width > 0 && label[width - 1] < 0) --width;
  return width;
}

void clear_gradients(const std::vector<at::Tensor>& tensors) {
  for (const at::Tensor& tensor : tensors)
    if (tensor.grad().defined()) tensor.grad().zero_();
}

/// Zeros where a tensor had no part in the loss.
void gather_gradients(const std::vector<at::Tensor>& tensors, std::span<float> flat) {
  auto at = flat.begin();
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.requires_grad()) continue;
    const auto next = at + tensor.numel();
    if (tensor.grad().defined())
      std::copy_n(tensor.grad().contiguous().data_ptr<float>(), tensor.numel(), at);
    else
      std::fill(at, next, 0.0F);
    at = next;
  }
}

void scatter_gradients(std::span<const float> flat, const std::vector<at::Tensor>& tensors) {
  const float* from = flat.data();
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.requires_grad()) continue;
    at::Tensor gradient = at::empty(tensor.sizes(), at::kFloat);
    std::copy_n(from, tensor.numel(), gradient.data_ptr<float>());
    tensor.mutable_grad() = std::move(gradient);
    from += tensor.numel();
  }
}

}  // namespace

TrainBatch private_batch(const std::vector<TokenizedExample>& examples,
                         const std::vector<std::size_t>& chosen) {
  PackedBatch rows;
  for (const std::size_t index : chosen) rows.push_back({index});
  return make_batch(examples, rows);
}

std::size_t trained_values(const std::vector<at::Tensor>& tensors) {
  std::size_t values = 0;
  for (const at::Tensor& tensor : tensors)
    if (tensor.requires_grad()) values += static_cast<std::size_t>(tensor.numel());
  return values;
}

StepLoss private_gradient(const CausalLm& model, const std::vector<at::Tensor>& tensors,
                          const TrainBatch& batch, ExamplePrivacy& privacy) {
  std::vector<float> flat(trained_values(tensors));
  double losses = 0;
  StepLoss out;
  for (std::int64_t row = 0; row < batch.labels.size(0); ++row) {
    at::Tensor labels = batch.labels.narrow(0, row, 1);  // [1, T]
    const std::int64_t width = supervised_width(labels);
    if (width == 0) continue;
    labels = labels.narrow(1, 0, width);
    TokenBatch tokens;
    tokens.ids = batch.tokens.ids.narrow(0, row, 1).narrow(1, 0, width).contiguous();
    clear_gradients(tensors);
    const LossSum loss = supervised_loss(model, tokens, labels.contiguous());
    const at::Tensor mean = loss.sum / static_cast<double>(loss.positions);
    mean.backward();
    gather_gradients(tensors, flat);
    if (const auto added = privacy.add(flat); !added) {
      log::warn("an example's gradient is left out: {}", added.error().message);
      continue;
    }
    losses += loss.sum.item<double>();
    out.positions += loss.positions;
  }
  privacy.release(flat);
  scatter_gradients(flat, tensors);
  if (out.positions > 0) out.mean = losses / static_cast<double>(out.positions);
  return out;
}

}  // namespace fennec
