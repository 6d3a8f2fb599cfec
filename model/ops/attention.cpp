#include "model/ops/attention.h"

#include <cmath>
#include <cstdint>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

double score_scale(const at::Tensor& q) { return 1.0 / std::sqrt(static_cast<double>(q.size(3))); }

/// [B, K, S, E] → [B·K, S, E]; a view also of a cache's rows.
at::Tensor by_kv_head(const at::Tensor& x) { return x.flatten(0, 1); }

/// [B, H, T, E] → [B·K, (H/K)·T, E]: the query heads that share a kv-head become rows of one product.
at::Tensor by_kv_head(const at::Tensor& q, std::int64_t kv_heads) {
  return q.reshape({q.size(0) * kv_heads, -1, q.size(3)});
}

/// [B·K, (H/K)·T, E] → [B·T, H·E]
at::Tensor join_heads(const at::Tensor& o, std::int64_t batch, std::int64_t tokens) {
  const std::int64_t width = o.size(2);
  return o.view({batch, -1, tokens, width}).transpose(1, 2).reshape({batch * tokens, -1});
}

at::Tensor attention_weights(const at::Tensor& q, const at::Tensor& k, const at::Tensor& mask) {
  const std::int64_t batch = q.size(0), heads = q.size(1), kv_heads = k.size(1), tokens = q.size(2),
                     keys = k.size(2);
  const at::Tensor rows = by_kv_head(q, kv_heads), columns = by_kv_head(k).transpose(1, 2);
  at::Tensor scores = at::empty({batch * kv_heads, heads / kv_heads * tokens, keys}, q.options());
  if (mask.defined()) {
    scores.view({batch, heads, tokens, keys}).copy_(mask.unsqueeze(1));
    scores.baddbmm_(rows, columns, 1, score_scale(q));
  } else {
    at::bmm_out(scores, rows, columns);
    scores.mul_(score_scale(q));
  }
  return at::softmax(scores, -1);
}

/// Not a plain tensor argument: those must be defined, and autograd would ask for its gradient.
struct Mask {
  at::Tensor additive;
};

class Attention : public torch::autograd::Function<Attention> {
 public:
  static Variable forward(AutogradContext* context, const Variable& q, const Variable& k,
                          const Variable& v, const Mask& mask) {
    const at::Tensor weights = attention_weights(q, k, mask.additive);
    context->save_for_backward({q, k, v, weights});
    return join_heads(at::bmm(weights, by_kv_head(v)), q.size(0), q.size(2));
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &weights = saved[3];
    const std::int64_t batch = q.size(0), heads = q.size(1), kv_heads = k.size(1), tokens = q.size(2),
                       width = q.size(3);
    const at::Tensor grad = by_kv_head(
        grads[0].reshape({batch, tokens, heads, width}).transpose(1, 2).contiguous(), kv_heads);
    const at::Tensor dv = at::bmm(weights.transpose(1, 2), grad);
    const at::Tensor dweights = at::bmm(grad, by_kv_head(v).transpose(1, 2));
    const at::Tensor dscores =
        at::_softmax_backward_data(dweights, weights, -1, at::kFloat).mul_(score_scale(q));
    const at::Tensor dq = at::bmm(dscores, by_kv_head(k));
    const at::Tensor dk = at::bmm(dscores.transpose(1, 2), by_kv_head(q, kv_heads));
    return {dq.view(q.sizes()), dk.view(k.sizes()), dv.view(v.sizes()), Variable()};
  }
};

}  // namespace

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& mask) {
  return Attention::apply(q, k, v, Mask{mask});
}

at::Tensor attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& mask) {
  const std::int64_t group = q.size(1) / k.size(1);
  const at::Tensor keys = k.repeat_interleave(group, 1), values = v.repeat_interleave(group, 1);
  at::Tensor scores = at::matmul(q, keys.transpose(2, 3)) * score_scale(q);  // [B, H, T, S]
  if (mask.defined()) scores = scores + mask.unsqueeze(1);
  const at::Tensor out = at::matmul(at::softmax(scores, -1), values);  // [B, H, T, E]
  return out.transpose(1, 2).reshape({q.size(0) * q.size(2), -1});
}

}  // namespace fennec
