#include "model/ops/document_attention.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/attention_mask.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

struct Shape {
  std::int64_t batch, heads, kv_heads, tokens, width;

  explicit Shape(const at::Tensor& q, const at::Tensor& k)
      : batch(q.size(0)), heads(q.size(1)), kv_heads(k.size(1)), tokens(q.size(2)), width(q.size(3)) {}
  double scale() const { return 1.0 / std::sqrt(static_cast<double>(width)); }
  std::int64_t group() const { return heads / kv_heads; }
};

/// A document's part of [B, X, T, E]: [X, length, E].
at::Tensor part(const at::Tensor& x, const DocumentRun& run) {
  return x.select(0, run.row).narrow(1, run.begin, run.length);
}

/// [H, length, E] → [K, (H/K)·length, E]
at::Tensor by_kv_head(const at::Tensor& x, std::int64_t kv_heads) {
  return x.reshape({kv_heads, -1, x.size(2)});
}

/// A document's part of the joined output [B, T, H, E], heads first: [H, length, E].
at::Tensor joined_part(const at::Tensor& x, const DocumentRun& run) {
  return x.select(0, run.row).narrow(0, run.begin, run.length).transpose(0, 1);
}

at::Tensor longest_mask(const std::vector<DocumentRun>& documents, const at::TensorOptions& options) {
  std::int64_t longest = 1;
  for (const DocumentRun& run : documents) longest = std::max(longest, run.length);
  const at::Tensor mask = causal_mask(longest, longest, options);
  return mask.defined() ? mask.squeeze(0) : at::zeros({1, 1}, options);
}

/// softmax(q·kᵀ/√E + causal): [K, (H/K)·length, length]
at::Tensor document_weights(const Shape& shape, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& mask, std::int64_t length) {
  at::Tensor scores = at::empty({shape.kv_heads, shape.group() * length, length}, q.options());
  scores.view({shape.heads, length, length}).copy_(mask.narrow(0, 0, length).narrow(1, 0, length));
  scores.baddbmm_(q, k.transpose(1, 2), 1, shape.scale());
  return at::softmax(scores, -1);
}

class DocumentAttention : public torch::autograd::Function<DocumentAttention> {
 public:
  static Variable forward(AutogradContext* context, const Variable& q, const Variable& k,
                          const Variable& v, const std::vector<DocumentRun>& documents) {
    const Shape shape(q, k);
    const at::Tensor mask = longest_mask(documents, q.options());
    at::Tensor out = at::zeros({shape.batch, shape.tokens, shape.heads, shape.width}, q.options());
    variable_list saved = {q, k, v};
    std::vector<std::int64_t> flat;
    for (const DocumentRun& run : documents) {
      saved.push_back(document_weights(shape, by_kv_head(part(q, run), shape.kv_heads), part(k, run),
                                       mask, run.length));
      joined_part(out, run).copy_(
          at::bmm(saved.back(), part(v, run)).view({shape.heads, run.length, shape.width}));
      flat.insert(flat.end(), {run.row, run.begin, run.length});
    }
    context->save_for_backward(std::move(saved));
    context->saved_data["documents"] = std::move(flat);
    return out.view({shape.batch * shape.tokens, -1});
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const auto flat = context->saved_data["documents"].toIntVector();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const Shape shape(q, k);
    const at::Tensor grad = grads[0].reshape({shape.batch, shape.tokens, shape.heads, shape.width});
    at::Tensor dq = at::zeros_like(q), dk = at::zeros_like(k), dv = at::zeros_like(v);
    for (std::size_t i = 0; 3 * i < flat.size(); ++i) {
      const DocumentRun run{flat[3 * i], flat[3 * i + 1], flat[3 * i + 2]};
      const at::Tensor &weights = saved[3 + i], g = by_kv_head(joined_part(grad, run), shape.kv_heads);
      part(dv, run).copy_(at::bmm(weights.transpose(1, 2), g));
      const at::Tensor dweights = at::bmm(g, part(v, run).transpose(1, 2));
      const at::Tensor dscores =
          at::_softmax_backward_data(dweights, weights, -1, at::kFloat).mul_(shape.scale());
      part(dq, run).copy_(at::bmm(dscores, part(k, run)).view({shape.heads, run.length, shape.width}));
      part(dk, run).copy_(at::bmm(dscores.transpose(1, 2), by_kv_head(part(q, run), shape.kv_heads)));
    }
    return {dq, dk, dv, Variable()};
  }
};

}  // namespace

at::Tensor document_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const std::vector<DocumentRun>& documents) {
  return DocumentAttention::apply(q, k, v, documents);
}

}  // namespace fennec
