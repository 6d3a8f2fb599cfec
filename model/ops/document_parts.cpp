#include "model/ops/document_parts.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace fennec {
namespace {

std::int64_t group(const HeadLayout& s) { return s.heads / s.kv_heads; }

/// Where head `head` of a document begins in a tensor of `heads` heads.
std::int64_t start(const HeadLayout& s, const DocumentRun& run, std::int64_t head, std::int64_t heads,
                   bool joined) {
  return joined ? ((run.row * s.tokens + run.begin) * heads + head) * s.width
                : ((run.row * heads + head) * s.tokens + run.begin) * s.width;
}

struct Starts {
  std::int64_t query, key, out, sum;

  Starts(const HeadLayout& s, const DocumentRun& run, std::int64_t kv)
      : query(start(s, run, kv * group(s), s.heads, s.joined)),
        key(start(s, run, kv, s.kv_heads, s.joined)),
        out(start(s, run, kv * group(s), s.heads, true)),
        sum((run.row * s.heads + kv * group(s)) * s.tokens + run.begin) {}
};

struct Inputs {
  const at::Tensor &q, &k, &v, &log_sum;
};

AttentionPart part_of(const HeadLayout& s, const DocumentRun& run, const Starts& starts,
                      std::int64_t window, const Inputs& in) {
  AttentionPart part{};
  part.length = run.length;
  part.width = s.width;
  part.heads = group(s);
  part.window = window;
  part.scale = 1 / std::sqrt(static_cast<float>(s.width));
  part.q = in.q.data_ptr<float>() + starts.query;
  part.k = in.k.data_ptr<float>() + starts.key;
  part.v = in.v.data_ptr<float>() + starts.key;
  part.q_head = s.joined ? s.width : s.tokens * s.width;
  part.q_token = s.joined ? s.heads * s.width : s.width;
  part.kv_token = s.joined ? s.kv_heads * s.width : s.width;
  part.out_token = s.heads * s.width;
  part.log_sum = in.log_sum.data_ptr<float>() + starts.sum;
  part.log_sum_head = s.tokens;
  return part;
}

/// Calls body(run, starts, scratch) for every document and kv-head, shared out over the threads.
template <class Body>
void for_each_part(const HeadLayout& s, const std::vector<DocumentRun>& documents, const Body& body) {
  std::int64_t longest = 0;
  for (const DocumentRun& run : documents) longest = std::max(longest, run.length);
  const auto parts = static_cast<std::int64_t>(documents.size()) * s.kv_heads;
  at::parallel_for(0, parts, 1, [&](std::int64_t begin, std::int64_t end) {
    AttentionScratch scratch(longest, s.width);
    for (std::int64_t i = begin; i < end; ++i) {
      const DocumentRun& run = documents[static_cast<std::size_t>(i / s.kv_heads)];
      body(run, Starts(s, run, i % s.kv_heads), scratch);
    }
  });
}

/// Zeroed only when some token is in no document.
at::Tensor new_tensor(const HeadLayout& s, const std::vector<DocumentRun>& documents,
                      at::IntArrayRef sizes, const at::Tensor& like) {
  std::int64_t tokens = 0;
  for (const DocumentRun& run : documents) tokens += run.length;
  return tokens == s.batch * s.tokens ? at::empty(sizes, like.options())
                                      : at::zeros(sizes, like.options());
}

}  // namespace

at::Tensor attend_documents(const HeadLayout& layout, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<DocumentRun>& documents,
                            std::int64_t window, const at::Tensor& log_sum) {
  const at::Tensor out =
      new_tensor(layout, documents, {layout.batch * layout.tokens, layout.heads * layout.width}, q);
  float* to = out.data_ptr<float>();
  for_each_part(layout, documents, [&](const DocumentRun& run, const Starts& starts, auto& scratch) {
    attend_part(part_of(layout, run, starts, window, {q, k, v, log_sum}), scratch, to + starts.out);
  });
  return out;
}

AttentionGradients attend_documents_backward(const HeadLayout& layout, const at::Tensor& q,
                                             const at::Tensor& k, const at::Tensor& v,
                                             const std::vector<DocumentRun>& documents,
                                             std::int64_t window, const at::Tensor& log_sum,
                                             const at::Tensor& grad) {
  AttentionGradients result{new_tensor(layout, documents, q.sizes(), q),
                            new_tensor(layout, documents, k.sizes(), k),
                            new_tensor(layout, documents, v.sizes(), v)};
  float *dq = result.dq.data_ptr<float>(), *dk = result.dk.data_ptr<float>(),
        *dv = result.dv.data_ptr<float>();
  const float* from = grad.data_ptr<float>();
  for_each_part(layout, documents, [&](const DocumentRun& run, const Starts& starts, auto& scratch) {
    attend_part_backward(part_of(layout, run, starts, window, {q, k, v, log_sum}), scratch,
                         from + starts.out, dq + starts.query, dk + starts.key, dv + starts.key);
  });
  return result;
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

}  // namespace fennec
