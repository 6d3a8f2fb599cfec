#include "model/ops/document_attention.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "model/ops/attention.h"
#include "model/ops/document_parts.h"

namespace fennec {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

HeadLayout layout_of(const at::Tensor& q, const at::Tensor& k) {
  return {q.size(0), q.size(1), k.size(1), q.size(2), q.size(3), /*joined=*/false};
}

class DocumentAttention : public torch::autograd::Function<DocumentAttention> {
 public:
  static Variable forward(AutogradContext* context, const Variable& query, const Variable& key,
                          const Variable& value, const std::vector<DocumentRun>& documents,
                          std::int64_t window) {
    const at::Tensor q = query.contiguous(), k = key.contiguous(), v = value.contiguous();
    const HeadLayout layout = layout_of(q, k);
    const at::Tensor log_sum = at::empty({layout.batch, layout.heads, layout.tokens}, q.options());
    context->save_for_backward({q, k, v, log_sum});
    context->saved_data["documents"] = flatten(documents);
    context->saved_data["window"] = window;
    return attend_documents(layout, q, k, v, documents, window, log_sum);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &log_sum = saved[3];
    const auto documents = unflatten(context->saved_data["documents"].toIntVector());
    AttentionGradients result = attend_documents_backward(layout_of(q, k), q, k, v, documents,
                                                          context->saved_data["window"].toInt(),
                                                          log_sum, grads[0].contiguous());
    return {result.dq, result.dk, result.dv, Variable(), Variable()};
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
  const HeadLayout shape = layout_of(q, k);
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
