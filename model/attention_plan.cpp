#include "model/attention_plan.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "model/attention_mask.h"
#include "model/kv_cache.h"
#include "model/ops/attention.h"

namespace fennec {
namespace {

/// The documents of packed rows, padding left out; empty when a row has a shared prompt or a document
/// in pieces.
std::vector<DocumentRun> find_documents(const at::Tensor& segments) {
  const at::Tensor dense = segments.contiguous();
  const std::int64_t rows = dense.size(0), tokens = dense.size(1);
  const std::int64_t* s = dense.data_ptr<std::int64_t>();
  std::vector<DocumentRun> runs;
  std::vector<std::int64_t> seen;
  for (std::int64_t row = 0; row < rows; ++row, s += tokens) {
    seen.clear();
    for (std::int64_t begin = 0, end = 0; begin < tokens; begin = end) {
      while (end < tokens && s[end] == s[begin]) ++end;
      if (s[begin] == kPaddingSegment) continue;
      if (s[begin] == kSharedSegment || std::find(seen.begin(), seen.end(), s[begin]) != seen.end())
        return {};
      seen.push_back(s[begin]);
      runs.push_back({row, begin, end - begin});
    }
  }
  return runs;
}

/// Whether attending document by document is clearly less work than whole rows under a mask.
bool is_worth_it(const std::vector<DocumentRun>& runs, std::int64_t rows, std::int64_t tokens) {
  std::int64_t scores = 0;
  for (const DocumentRun& run : runs) scores += run.length * run.length;
  return !runs.empty() && 3 * scores < 2 * rows * tokens * tokens;
}

}  // namespace

AttentionPlan plan_attention(const TokenBatch& batch, const at::Tensor& positions, KvCache* cache) {
  const std::int64_t rows = batch.ids.size(0), tokens = batch.ids.size(1),
                     seen = cache ? cache->length() : 0;
  if (cache != nullptr) {
    cache->extend(tokens, batch.segments, positions);
    if (!cache->is_segmented()) return {{}, causal_mask(tokens, seen + tokens, at::kFloat)};
    const at::Tensor keys = cache->segments().narrow(1, 0, cache->length());
    return {{}, segment_mask(keys.narrow(1, seen, tokens), keys)};
  }
  if (!batch.segments.defined()) return {{}, causal_mask(tokens, tokens, at::kFloat)};
  auto documents = find_documents(batch.segments);
  if (is_worth_it(documents, rows, tokens)) return {std::move(documents), {}};
  return {{}, segment_mask(batch.segments, batch.segments)};
}

AttentionPlan within_window(const AttentionPlan& plan, const TokenBatch& batch,
                            const at::Tensor& positions, const KvCache* cache, std::int64_t window) {
  if (positions.numel() == 0 || positions.max().item<std::int64_t>() < window) return plan;
  const at::Tensor queries = positions.dim() == 2 ? positions : positions.unsqueeze(0);
  const at::Tensor keys = cache ? cache->positions().narrow(1, 0, cache->length()) : queries;
  const at::Tensor mask =
      plan.documents.empty() ? plan.mask : segment_mask(batch.segments, batch.segments);
  return {{}, window_mask(mask, queries, keys, window)};
}

at::Tensor attend(const AttentionPlan& plan, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, std::int64_t layer, KvCache* cache) {
  if (!plan.documents.empty()) return document_attention(q, k, v, plan.documents);
  if (cache == nullptr) return attention(q, k, v, plan.mask);
  const auto [keys, values] = cache->store(layer, k, v);
  return attention(q, keys, values, plan.mask);
}

}  // namespace fennec
