#include "model/ops/rms_norm.h"

#include <cstdint>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/ops/row_kernels.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr std::int64_t kRowsEach = 64;  // rows a thread takes at least

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& weight,
                          double epsilon) {
    const at::Tensor x = input.contiguous();
    at::Tensor y = at::empty_like(x), scale = at::empty({x.size(0)}, x.options());
    rms_norm_out(x, weight.contiguous(), epsilon, y, scale);
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
      rms_norm_backward_out(x, weight.contiguous(), scale, grad, dx);
    }
    if (context->needs_input_grad(1)) dw = (grad * x * scale.unsqueeze(1)).sum(0);
    return {dx, dw, Variable()};
  }
};

}  // namespace

void rms_norm_out(const at::Tensor& x, const at::Tensor& weight, double epsilon, at::Tensor& y,
                  at::Tensor& scale) {
  const std::int64_t width = x.size(1);
  const float *in = x.data_ptr<float>(), *w = weight.data_ptr<float>();
  float *out = y.data_ptr<float>(), *r = scale.data_ptr<float>();
  at::parallel_for(0, x.size(0), kRowsEach, [&](std::int64_t begin, std::int64_t end) {
    rms_norm_rows(end - begin, width, in + begin * width, w, static_cast<float>(epsilon),
                  out + begin * width, r + begin);
  });
}

void rms_norm_backward_out(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& scale,
                           const at::Tensor& grad, at::Tensor& dx) {
  const std::int64_t width = x.size(1);
  const float *in = x.data_ptr<float>(), *w = weight.data_ptr<float>(), *r = scale.data_ptr<float>(),
              *g = grad.data_ptr<float>();
  float* out = dx.data_ptr<float>();
  at::parallel_for(0, x.size(0), kRowsEach, [&](std::int64_t begin, std::int64_t end) {
    rms_norm_backward_rows(end - begin, width, in + begin * width, w, r + begin, g + begin * width,
                           out + begin * width);
  });
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat) return rms_norm_reference(x, weight, epsilon);
  return RmsNorm::apply(x, weight, epsilon);
}

at::Tensor rms_norm_reference(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  return x * at::rsqrt(x.square().mean(-1, /*keepdim=*/true) + epsilon) * weight;
}

}  // namespace fennec
