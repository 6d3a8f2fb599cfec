#include "model/attention_plan.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "model/attention_mask.h"
#include "model/kv_cache.h"
#include "model/ops/attention.h"
#include "model/ops/rope.h"

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

std::vector<DocumentRun> whole_rows(std::int64_t rows, std::int64_t tokens) {
  std::vector<DocumentRun> runs;
  for (std::int64_t row = 0; row < rows; ++row) runs.push_back({row, 0, tokens});
  return runs;
}

/// Whether the positions of every document run on by one from token to token, so that how far apart two
/// tokens are is how far apart they stand.
bool have_running_positions(const std::vector<DocumentRun>& documents, const at::Tensor& positions) {
  const at::Tensor dense = positions.contiguous();
  const std::int64_t* p = dense.data_ptr<std::int64_t>();
  const std::int64_t row = dense.dim() == 2 ? dense.size(1) : 0;
  return std::all_of(documents.begin(), documents.end(), [&](const DocumentRun& run) {
    const std::int64_t* begin = p + run.row * row + run.begin;
    for (std::int64_t i = 1; i < run.length; ++i)
      if (begin[i] != begin[0] + i) return false;
    return true;
  });
}

/// What `plan` hides, as a mask.
at::Tensor mask_of(const AttentionPlan& plan, const TokenBatch& batch) {
  if (plan.documents.empty()) return plan.mask;
  if (batch.segments.defined()) return segment_mask(batch.segments, batch.segments);
  return causal_mask(batch.ids.size(1), batch.ids.size(1), at::kFloat);
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
  if (!batch.segments.defined()) return {whole_rows(rows, tokens), {}};
  auto documents = find_documents(batch.segments);
  if (!documents.empty()) return {std::move(documents), {}};
  return {{}, segment_mask(batch.segments, batch.segments)};
}

AttentionPlan within_window(const AttentionPlan& plan, const TokenBatch& batch,
                            const at::Tensor& positions, const KvCache* cache, std::int64_t window) {
  if (positions.numel() == 0 || positions.max().item<std::int64_t>() < window) return plan;
  if (!plan.documents.empty() && have_running_positions(plan.documents, positions))
    return {plan.documents, {}, window};
  const at::Tensor queries = positions.dim() == 2 ? positions : positions.unsqueeze(0);
  const at::Tensor keys = cache ? cache->positions().narrow(1, 0, cache->length()) : queries;
  return {{}, window_mask(mask_of(plan, batch), queries, keys, window)};
}

at::Tensor attend(const AttentionPlan& plan, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, std::int64_t layer, KvCache* cache) {
  if (!plan.documents.empty()) return document_attention(q, k, v, plan.documents, plan.window);
  if (cache == nullptr) return attention(q, k, v, plan.mask);
  const auto [keys, values] = cache->store(layer, k, v);
  return attention(q, keys, values, plan.mask);
}

at::Tensor attend_rotary(const AttentionPlan& plan, const at::Tensor& q, const at::Tensor& k,
                         const at::Tensor& v, const RotaryHeads& heads, const RopeTable& rope,
                         std::int64_t layer, KvCache* cache) {
  if (!plan.documents.empty() && rope.cos.defined())
    return rotary_attention(q, k, v, heads, rope, plan.documents, plan.window);
  return attend(plan, split_heads(q, heads.batch, heads.heads, rope),
                split_heads(k, heads.batch, heads.kv_heads, rope),
                split_heads(v, heads.batch, heads.kv_heads, RopeTable{}), layer, cache);
}

}  // namespace fennec
