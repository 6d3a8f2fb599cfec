#include "model/ops/rope.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// Where element (b, h, t, ·) lies in both layouts, and which row of the table turns it.
struct HeadShape {
  std::int64_t batch, heads, tokens, width, half;
  bool table_per_row;

  std::int64_t rows() const { return batch * tokens * heads; }
};

/// Rotates one head's row: sign +1 forward, −1 backward (the inverse rotation times the same factor).
void rotate(const float* in, float* out, const float* cos, const float* sin, float sign, std::int64_t half, std::int64_t width) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = in[i], b = in[i + half], c = cos[i], s = sign * sin[i];
    out[i] = a * c - b * s;
    out[i + half] = b * c + a * s;
  }
  std::copy(in + 2 * half, in + width, out + 2 * half);
}

/// Moves rows between [B, T, H, E] and [B, H, T, E], rotating on the way.
void move_rows(const HeadShape& shape, const at::Tensor& from, at::Tensor& to, const at::Tensor& cos, const at::Tensor& sin, bool split) {
  const float *in = from.data_ptr<float>(), *c = cos.defined() ? cos.data_ptr<float>() : nullptr, *s = cos.defined() ? sin.data_ptr<float>() : nullptr;
  float* out = to.data_ptr<float>();
  at::parallel_for(0, shape.rows(), 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {  // row = (b, t, h) of the joined layout
      const std::int64_t h = row % shape.heads, bt = row / shape.heads, t = bt % shape.tokens, b = bt / shape.tokens;
      const std::int64_t joined = row * shape.width, apart = ((b * shape.heads + h) * shape.tokens + t) * shape.width;
      const std::int64_t angle = (shape.table_per_row ? bt : t) * shape.half;
      rotate(in + (split ? joined : apart), out + (split ? apart : joined), c + angle, s + angle, split ? 1.0F : -1.0F, shape.half, shape.width);
    }
  });
}

HeadShape shape_of(const at::Tensor& x, std::int64_t batch, std::int64_t heads, const at::Tensor& cos) {
  FENNEC_CHECK(x.dim() == 2 && x.size(0) % batch == 0 && x.size(1) % heads == 0);
  return {batch, heads, x.size(0) / batch, x.size(1) / heads, cos.defined() ? cos.size(-1) : 0, cos.defined() && cos.dim() == 3};
}

class SplitHeads : public torch::autograd::Function<SplitHeads> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x, std::int64_t batch, std::int64_t heads, const at::Tensor& cos, const at::Tensor& sin) {
    const HeadShape shape = shape_of(x, batch, heads, cos);
    at::Tensor out = at::empty({batch, heads, shape.tokens, shape.width}, x.options());
    move_rows(shape, x.contiguous(), out, cos, sin, /*split=*/true);
    context->saved_data["batch"] = batch;
    context->saved_data["heads"] = heads;
    if (cos.defined()) context->save_for_backward({cos, sin});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor grad = grads[0].contiguous(), cos = saved.empty() ? at::Tensor() : saved[0], sin = saved.empty() ? at::Tensor() : saved[1];
    const std::int64_t batch = context->saved_data["batch"].toInt(), heads = context->saved_data["heads"].toInt();
    at::Tensor dx = at::empty({batch * grad.size(2), heads * grad.size(3)}, grad.options());
    move_rows(shape_of(dx, batch, heads, cos), grad, dx, cos, sin, /*split=*/false);
    return {dx, Variable(), Variable(), Variable(), Variable()};
  }
};

}  // namespace

at::Tensor split_heads(const at::Tensor& x, std::int64_t batch, std::int64_t heads, const RopeTable& table) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat) return split_heads_reference(x, batch, heads, table);
  if (!table.cos.defined()) return SplitHeads::apply(x, batch, heads, at::Tensor(), at::Tensor());
  return SplitHeads::apply(x, batch, heads, table.cos.contiguous(), table.sin.contiguous());
}

at::Tensor split_heads_reference(const at::Tensor& x, std::int64_t batch, std::int64_t heads, const RopeTable& table) {
  const at::Tensor apart = x.view({batch, -1, heads, x.size(1) / heads}).transpose(1, 2);  // [B, H, T, E]
  if (!table.cos.defined()) return apart.contiguous();
  const bool per_row = table.cos.dim() == 3;
  const at::Tensor cos = per_row ? table.cos.unsqueeze(1) : table.cos, sin = per_row ? table.sin.unsqueeze(1) : table.sin;
  const std::int64_t half = cos.size(-1);
  const at::Tensor a = apart.narrow(-1, 0, half), b = apart.narrow(-1, half, half);
  return at::cat({a * cos - b * sin, b * cos + a * sin, apart.narrow(-1, 2 * half, apart.size(-1) - 2 * half)}, -1);
}

}  // namespace fennec
