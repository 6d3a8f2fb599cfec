#include "model/ops/rotary_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"
#include "model/ops/document_parts.h"
#include "model/ops/rope.h"
#include "model/ops/row_kernels.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

HeadLayout layout_of(const at::Tensor& q, const RotaryHeads& shape) {
  FENNEC_CHECK(q.dim() == 2 && q.size(0) % shape.batch == 0 && q.size(1) % shape.heads == 0 &&
               shape.heads % shape.kv_heads == 0);
  return {shape.batch,    shape.heads, shape.kv_heads, q.size(0) / shape.batch, q.size(1) / shape.heads,
          /*joined=*/true};
}

/// Turns every head of from [B·T, heads·E] by its token's angles; `to` may be `from`.
void rotate_heads(const HeadLayout& s, const at::Tensor& from, std::int64_t heads,
                  const RopeTable& table, float sign, const at::Tensor& to) {
  const std::int64_t half = table.cos.size(-1), tokens = s.tokens;
  const bool per_row = table.cos.dim() == 3;
  const float *in = from.data_ptr<float>(), *cos = table.cos.data_ptr<float>(),
              *sin = table.sin.data_ptr<float>();
  float* out = to.data_ptr<float>();
  at::parallel_for(0, s.batch * tokens, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t token = begin; token < end; ++token) {
      const std::int64_t angle = (per_row ? token : token % tokens) * half;
      for (std::int64_t head = token * heads; head < (token + 1) * heads; ++head)
        rotate_row(s.width, half, in + head * s.width, cos + angle, sin + angle, sign,
                   out + head * s.width);
    }
  });
}

class RotaryAttention : public torch::autograd::Function<RotaryAttention> {
 public:
  static Variable forward(AutogradContext* context, const Variable& query, const Variable& key,
                          const Variable& value, const RotaryHeads& shape, const RopeTable& table,
                          const std::vector<DocumentRun>& documents, std::int64_t window) {
    const HeadLayout layout = layout_of(query, shape);
    const at::Tensor v = value.contiguous(), q = at::empty_like(query, at::MemoryFormat::Contiguous),
                     k = at::empty_like(key, at::MemoryFormat::Contiguous);
    rotate_heads(layout, query.contiguous(), layout.heads, table, 1, q);
    rotate_heads(layout, key.contiguous(), layout.kv_heads, table, 1, k);
    const at::Tensor log_sum = at::empty({layout.batch, layout.heads, layout.tokens}, q.options());
    context->save_for_backward({q, k, v, log_sum, table.cos, table.sin});
    context->saved_data["documents"] = flatten(documents);
    context->saved_data["shape"] =
        std::vector<std::int64_t>{shape.batch, shape.heads, shape.kv_heads, window};
    return attend_documents(layout, q, k, v, documents, window, log_sum);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &log_sum = saved[3];
    const auto numbers = context->saved_data["shape"].toIntVector();
    const HeadLayout layout = layout_of(q, {numbers[0], numbers[1], numbers[2]});
    const RopeTable table{saved[4], saved[5]};
    AttentionGradients result = attend_documents_backward(
        layout, q, k, v, unflatten(context->saved_data["documents"].toIntVector()), numbers[3], log_sum,
        grads[0].contiguous());
    rotate_heads(layout, result.dq, layout.heads, table, -1, result.dq);
    rotate_heads(layout, result.dk, layout.kv_heads, table, -1, result.dk);
    return {result.dq, result.dk, result.dv, Variable(), Variable(), Variable(), Variable()};
  }
};

}  // namespace

at::Tensor rotary_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const RotaryHeads& shape, const RopeTable& table,
                            const std::vector<DocumentRun>& documents, std::int64_t window) {
  if (!q.is_cpu() || q.scalar_type() != at::kFloat)
    return rotary_attention_reference(q, k, v, shape, table, documents, window);
  return RotaryAttention::apply(
      q, k, v, shape, RopeTable{table.cos.contiguous(), table.sin.contiguous()}, documents, window);
}

at::Tensor rotary_attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                      const RotaryHeads& shape, const RopeTable& table,
                                      const std::vector<DocumentRun>& documents, std::int64_t window) {
  return document_attention_reference(
      split_heads_reference(q, shape.batch, shape.heads, table),
      split_heads_reference(k, shape.batch, shape.kv_heads, table),
      split_heads_reference(v, shape.batch, shape.kv_heads, RopeTable{}), documents, window);
}

}  // namespace fennec
