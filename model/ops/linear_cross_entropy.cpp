#include "model/ops/linear_cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/ops/row_kernels.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// −log softmax(logits)[target]. The row becomes softmax − onehot.
double row_loss(float* logits, std::int64_t vocabulary, std::int64_t target, bool wants_grad) {
  const float chosen = logits[target], most = row_max(vocabulary, logits),
              sum = exp_row(vocabulary, most, logits);
  if (wants_grad) {
    scale_row(vocabulary, 1 / sum, logits);
    logits[target] -= 1;
  }
  return std::log(static_cast<double>(sum)) + static_cast<double>(most) - static_cast<double>(chosen);
}

/// The loss of some rows; their logits are overwritten.
double chunk_loss(at::Tensor& logits, std::int64_t rows, const std::int64_t* targets, bool wants_grad) {
  const std::int64_t vocabulary = logits.size(1);
  float* values = logits.data_ptr<float>();
  std::vector<double> losses(static_cast<std::size_t>(rows));
  at::parallel_for(0, rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      losses[static_cast<std::size_t>(i)] =
          row_loss(values + i * vocabulary, vocabulary, targets[i], wants_grad);
  });
  double sum = 0;
  for (const double loss : losses) sum += loss;
  return sum;
}

class LinearCrossEntropy : public torch::autograd::Function<LinearCrossEntropy> {
 public:
  static Variable forward(AutogradContext* context, const Variable& hidden, const FrozenWeight& weight,
                          const at::Tensor& targets, bool wants_grad) {
    const at::Tensor h = hidden.contiguous();
    const std::int64_t count = h.size(0), width = h.size(1), vocabulary = weight.out_features(),
                       chunk = std::min(count, logit_rows(vocabulary));
    at::Tensor logits = at::empty({chunk, vocabulary}, h.options());
    at::Tensor dh = wants_grad ? at::empty_like(h) : at::Tensor();
    const float* from = h.data_ptr<float>();
    double loss = 0;
    for (std::int64_t first = 0; first < count; first += chunk) {
      const std::int64_t rows = std::min(chunk, count - first);
      float* scores = logits.data_ptr<float>();
      weight.multiply_transposed(rows, from + first * width, scores, false);
      loss += chunk_loss(logits, rows, targets.data_ptr<std::int64_t>() + first, wants_grad);
      if (wants_grad) weight.multiply(rows, scores, dh.data_ptr<float>() + first * width, false);
    }
    if (wants_grad) context->save_for_backward({dh});
    return at::full({}, loss, h.options());
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    return {context->get_saved_variables()[0] * grads[0], Variable(), Variable(), Variable()};
  }
};

}  // namespace

/// As many logits as 32 MiB hold, but each pass over W should serve 64 rows at least, and more than 256
/// gain nothing.
std::int64_t logit_rows(std::int64_t vocabulary) {
  constexpr std::int64_t kBytes = 32 << 20;
  return std::clamp<std::int64_t>(kBytes / (vocabulary * 4), 64, 256);
}

at::Tensor linear_cross_entropy(const at::Tensor& h, const FrozenWeight& weight,
                                const at::Tensor& targets) {
  const bool is_plain = h.is_cpu() && h.scalar_type() == at::kFloat && h.size(0) > 0;
  if (!is_plain || !weight.has_products()) return linear_cross_entropy_reference(h, weight, targets);
  return LinearCrossEntropy::apply(h, weight, targets.contiguous(),
                                   at::GradMode::is_enabled() && h.requires_grad());
}

at::Tensor linear_cross_entropy_reference(const at::Tensor& h, const FrozenWeight& weight,
                                          const at::Tensor& targets) {
  return at::nll_loss(at::log_softmax(at::mm(h, weight.dense().t()), -1), targets, {},
                      at::Reduction::Sum);
}

}  // namespace fennec
