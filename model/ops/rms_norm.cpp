#include "model/ops/rms_norm.h"

#include <cmath>
#include <cstdint>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr std::int64_t kLanes = 8;    // independent partial sums, so that the compiler may use SIMD
constexpr std::int64_t kGrain = 64;   // rows a thread takes at least

/// Σ a·b·c over a row in a fixed order (c may be null: 1).
float dot(const float* a, const float* b, const float* c, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  if (c == nullptr) {
    for (; i + kLanes <= n; i += kLanes)
      for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += a[i + j] * b[i + j];
  } else {
    for (; i + kLanes <= n; i += kLanes)
      for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += a[i + j] * b[i + j] * c[i + j];
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  for (; i < n; ++i) sum += a[i] * b[i] * (c == nullptr ? 1.0F : c[i]);
  return sum;
}

void forward_rows(const at::Tensor& x, const at::Tensor& weight, float epsilon, at::Tensor& y, at::Tensor& scale) {
  const std::int64_t width = x.size(1);
  const float *in = x.data_ptr<float>(), *w = weight.data_ptr<float>();
  float *out = y.data_ptr<float>(), *r = scale.data_ptr<float>();
  at::parallel_for(0, x.size(0), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* a = in + row * width;
      float* b = out + row * width;
      const float s = 1.0F / std::sqrt(dot(a, a, nullptr, width) / static_cast<float>(width) + epsilon);
      r[row] = s;
      for (std::int64_t i = 0; i < width; ++i) b[i] = a[i] * s * w[i];
    }
  });
}

/// dx = r·(g∘w − x·r²·mean(g∘w∘x)).
void backward_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale, const at::Tensor& grad, at::Tensor& dx) {
  const std::int64_t width = x.size(1);
  const float *in = x.data_ptr<float>(), *w = weight.data_ptr<float>(), *r = scale.data_ptr<float>(), *g = grad.data_ptr<float>();
  float* out = dx.data_ptr<float>();
  at::parallel_for(0, x.size(0), kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float *a = in + row * width, *b = g + row * width;
      float* d = out + row * width;
      const float s = r[row], c = s * s * s * dot(a, b, w, width) / static_cast<float>(width);
      for (std::int64_t i = 0; i < width; ++i) d[i] = b[i] * w[i] * s - a[i] * c;
    }
  });
}

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& weight, double epsilon) {
    const at::Tensor x = input.contiguous();
    at::Tensor y = at::empty_like(x), scale = at::empty({x.size(0)}, x.options());
    forward_rows(x, weight.contiguous(), static_cast<float>(epsilon), y, scale);
    context->save_for_backward({x, weight, scale});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &scale = saved[2];
    const at::Tensor grad = grads[0].contiguous();
    at::Tensor dx, dw;
    if (context->needs_input_grad(0)) {
      dx = at::empty_like(x);
      backward_rows(x, weight.contiguous(), scale, grad, dx);
    }
    if (context->needs_input_grad(1)) dw = (grad * x * scale.unsqueeze(1)).sum(0);
    return {dx, dw, Variable()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat) return rms_norm_reference(x, weight, epsilon);
  return RmsNorm::apply(x, weight, epsilon);
}

at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  return x * at::rsqrt(x.square().mean(-1, /*keepdim=*/true) + epsilon) * weight;
}

}  // namespace fennec
