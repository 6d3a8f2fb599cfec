#include "model/ops/document_attention.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/ops/attention.h"
#include "model/ops/attention_tiles.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

struct Shape {
  std::int64_t batch, heads, kv_heads, tokens, width;

  Shape(const at::Tensor& q, const at::Tensor& k)
      : batch(q.size(0)), heads(q.size(1)), kv_heads(k.size(1)), tokens(q.size(2)), width(q.size(3)) {}
  std::int64_t group() const { return heads / kv_heads; }
  /// Where a document begins under one kv-head in [B, K, T, E]; under its first query head in
  /// [B, H, T, E] and [B, H, T]; and in the joined output.
  std::int64_t key(const DocumentRun& run, std::int64_t kv) const {
    return ((run.row * kv_heads + kv) * tokens + run.begin) * width;
  }
  std::int64_t query(const DocumentRun& run, std::int64_t kv) const { return sum(run, kv) * width; }
  std::int64_t sum(const DocumentRun& run, std::int64_t kv) const {
    return (run.row * heads + kv * group()) * tokens + run.begin;
  }
  std::int64_t joined(const DocumentRun& run, std::int64_t kv) const {
    return ((run.row * tokens + run.begin) * heads + kv * group()) * width;
  }
};

AttentionPart part_of(const Shape& shape, const DocumentRun& run, std::int64_t kv, std::int64_t window,
                      const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& log_sum) {
  return {run.length,
          shape.width,
          shape.group(),
          window,
          1 / std::sqrt(static_cast<float>(shape.width)),
          q.data_ptr<float>() + shape.query(run, kv),
          k.data_ptr<float>() + shape.key(run, kv),
          v.data_ptr<float>() + shape.key(run, kv),
          shape.tokens * shape.width,
          shape.heads * shape.width,
          log_sum.data_ptr<float>() + shape.sum(run, kv),
          shape.tokens};
}

/// Calls body(run, kv, scratch) for every document and kv-head, shared out over the threads.
template <class Body>
void for_each_part(const Shape& shape, const std::vector<DocumentRun>& documents, const Body& body) {
  std::int64_t longest = 0;
  for (const DocumentRun& run : documents) longest = std::max(longest, run.length);
  const auto parts = static_cast<std::int64_t>(documents.size()) * shape.kv_heads;
  at::parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
    AttentionScratch scratch(longest, shape.width);
    for (std::int64_t i = begin; i < end; ++i)
      body(documents[static_cast<std::size_t>(i / shape.kv_heads)], i % shape.kv_heads, scratch);
  });
}

/// Whether every token is in a document, so that nothing needs to be zeroed beforehand.
bool is_covered(const Shape& shape, const std::vector<DocumentRun>& documents) {
  std::int64_t tokens = 0;
  for (const DocumentRun& run : documents) tokens += run.length;
  return tokens == shape.batch * shape.tokens;
}

at::Tensor new_tensor(at::IntArrayRef sizes, const at::Tensor& like, bool covered) {
  return covered ? at::empty(sizes, like.options()) : at::zeros(sizes, like.options());
}

std::vector<std::int64_t> flatten(const std::vector<DocumentRun>& documents) {
  std::vector<std::int64_t> flat;
  for (const DocumentRun& run : documents) flat.insert(flat.end(), {run.row, run.begin, run.length});
  return flat;
}

std::vector<DocumentRun> unflatten(const std::vector<std::int64_t>& flat) {
  std::vector<DocumentRun> documents(flat.size() / 3);
  for (std::size_t i = 0; i < documents.size(); ++i)
    documents[i] = {flat[3 * i], flat[3 * i + 1], flat[3 * i + 2]};
  return documents;
}

class DocumentAttention : public torch::autograd::Function<DocumentAttention> {
 public:
  static Variable forward(AutogradContext* context, const Variable& query, const Variable& key,
                          const Variable& value, const std::vector<DocumentRun>& documents,
                          std::int64_t window) {
    const at::Tensor q = query.contiguous(), k = key.contiguous(), v = value.contiguous();
    const Shape shape(q, k);
    at::Tensor out = new_tensor({shape.batch * shape.tokens, shape.heads * shape.width}, q,
                                is_covered(shape, documents));
    const at::Tensor log_sum = at::empty({shape.batch, shape.heads, shape.tokens}, q.options());
    float* to = out.data_ptr<float>();
    for_each_part(shape, documents, [&](const DocumentRun& run, std::int64_t kv, auto& scratch) {
      attend_part(part_of(shape, run, kv, window, q, k, v, log_sum), scratch,
                  to + shape.joined(run, kv));
    });
    context->save_for_backward({q, k, v, log_sum});
    context->saved_data["documents"] = flatten(documents);
    context->saved_data["window"] = window;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &log_sum = saved[3];
    const auto documents = unflatten(context->saved_data["documents"].toIntVector());
    const std::int64_t window = context->saved_data["window"].toInt();
    const Shape shape(q, k);
    const at::Tensor grad = grads[0].contiguous();
    const bool covered = is_covered(shape, documents);
    at::Tensor dq = new_tensor(q.sizes(), q, covered), dk = new_tensor(k.sizes(), k, covered),
               dv = new_tensor(v.sizes(), v, covered);
    float *to_q = dq.data_ptr<float>(), *to_k = dk.data_ptr<float>(), *to_v = dv.data_ptr<float>();
    const float* from = grad.data_ptr<float>();
    for_each_part(shape, documents, [&](const DocumentRun& run, std::int64_t kv, auto& scratch) {
      attend_part_backward(part_of(shape, run, kv, window, q, k, v, log_sum), scratch,
                           from + shape.joined(run, kv), to_q + shape.query(run, kv),
                           to_k + shape.key(run, kv), to_v + shape.key(run, kv));
    });
    return {dq, dk, dv, Variable(), Variable()};
  }
};

}  // namespace

at::Tensor document_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const std::vector<DocumentRun>& documents, std::int64_t window) {
  if (!q.is_cpu() || q.scalar_type() != at::kFloat)
    return document_attention_reference(q, k, v, documents, window);
  return DocumentAttention::apply(q, k, v, documents, window);
}

at::Tensor document_attention_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                        const std::vector<DocumentRun>& documents,
                                        std::int64_t window) {
  const Shape shape(q, k);
  at::Tensor visible = at::zeros({shape.batch, shape.tokens, shape.tokens}, at::kBool);
  for (const DocumentRun& run : documents) {
    at::Tensor seen = at::ones({run.length, run.length}, at::kBool).tril();
    if (window > 0) seen = seen.triu(1 - window);
    visible.select(0, run.row)
        .narrow(0, run.begin, run.length)
        .narrow(1, run.begin, run.length)
        .copy_(seen);
  }
  const at::Tensor mask =
      at::zeros(visible.sizes(), q.options()).masked_fill_(visible.logical_not().to(q.device()), -1e30);
  const at::Tensor inside = visible.any(2).view({-1, 1}).to(q.device());
  return attention_reference(q, k, v, mask).masked_fill(inside.logical_not(), 0);
}

}  // namespace fennec
