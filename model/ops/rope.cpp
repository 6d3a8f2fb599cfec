#include "model/ops/rope.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"
#include "model/ops/row_kernels.h"

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

/// Moves rows between [B, T, H, E] and [B, H, T, E], rotating on the way.
void move_rows(const HeadShape& shape, const at::Tensor& from, at::Tensor& to, const RopeTable& table,
               bool split) {
  const bool turns = table.cos.defined();
  const float *in = from.data_ptr<float>(), *c = turns ? table.cos.data_ptr<float>() : nullptr,
              *s = turns ? table.sin.data_ptr<float>() : nullptr;
  float* out = to.data_ptr<float>();
  at::parallel_for(0, shape.rows(), 256, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {  // row = (b, t, h) of the joined layout
      const std::int64_t h = row % shape.heads, bt = row / shape.heads, t = bt % shape.tokens,
                         b = bt / shape.tokens;
      const std::int64_t joined = row * shape.width,
                         apart = ((b * shape.heads + h) * shape.tokens + t) * shape.width;
      const std::int64_t angle = (shape.table_per_row ? bt : t) * shape.half;
      rotate_row(shape.width, shape.half, in + (split ? joined : apart), c + angle, s + angle,
                 split ? 1.0F : -1.0F, out + (split ? apart : joined));
    }
  });
}

HeadShape shape_of(const at::Tensor& x, std::int64_t batch, std::int64_t heads, const at::Tensor& cos) {
  FENNEC_CHECK(x.dim() == 2 && x.size(0) % batch == 0 && x.size(1) % heads == 0);
  return {batch,
          heads,
          x.size(0) / batch,
          x.size(1) / heads,
          cos.defined() ? cos.size(-1) : 0,
          cos.defined() && cos.dim() == 3};
}

class SplitHeads : public torch::autograd::Function<SplitHeads> {
 public:
  static Variable forward(AutogradContext* context, const Variable& x, std::int64_t batch,
                          std::int64_t heads, const RopeTable& table) {
    const HeadShape shape = shape_of(x, batch, heads, table.cos);
    at::Tensor out = at::empty({batch, heads, shape.tokens, shape.width}, x.options());
    move_rows(shape, x.contiguous(), out, table, /*split=*/true);
    context->saved_data["batch"] = batch;
    context->saved_data["heads"] = heads;
    if (table.cos.defined()) context->save_for_backward({table.cos, table.sin});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const RopeTable table = saved.empty() ? RopeTable{} : RopeTable{saved[0], saved[1]};
    const at::Tensor grad = grads[0].contiguous();
    const std::int64_t batch = context->saved_data["batch"].toInt(),
                       heads = context->saved_data["heads"].toInt();
    at::Tensor dx = at::empty({batch * grad.size(2), heads * grad.size(3)}, grad.options());
    move_rows(shape_of(dx, batch, heads, table.cos), grad, dx, table, /*split=*/false);
    return {dx, Variable(), Variable(), Variable()};
  }
};

}  // namespace

at::Tensor split_heads(const at::Tensor& x, std::int64_t batch, std::int64_t heads,
                       const RopeTable& table) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat)
    return split_heads_reference(x, batch, heads, table);
  if (!table.cos.defined()) return SplitHeads::apply(x, batch, heads, table);
  return SplitHeads::apply(x, batch, heads, RopeTable{table.cos.contiguous(), table.sin.contiguous()});
}

at::Tensor split_heads_reference(const at::Tensor& x, std::int64_t batch, std::int64_t heads,
                                 const RopeTable& table) {
  const at::Tensor apart =
      x.view({batch, -1, heads, x.size(1) / heads}).transpose(1, 2);  // [B, H, T, E]
  if (!table.cos.defined()) return apart.contiguous();
  const bool per_row = table.cos.dim() == 3;
  const at::Tensor cos = per_row ? table.cos.unsqueeze(1) : table.cos,
                   sin = per_row ? table.sin.unsqueeze(1) : table.sin;
  const std::int64_t half = cos.size(-1);
  const at::Tensor a = apart.narrow(-1, 0, half), b = apart.narrow(-1, half, half);
  return at::cat(
      {a * cos - b * sin, b * cos + a * sin, apart.narrow(-1, 2 * half, apart.size(-1) - 2 * half)},
      -1);
}

}  // namespace fennec
