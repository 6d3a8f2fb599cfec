#include "model/attention_mask.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace fennec {
namespace {

constexpr double kHidden = -1e30;

/// [T, S] bool: key j is not after query i.
at::Tensor not_after(std::int64_t queries, std::int64_t keys, at::Device device) {
  return at::ones({queries, keys}, at::TensorOptions(at::kBool).device(device)).tril(keys - queries);
}

at::Tensor to_additive(const at::Tensor& visible) {
  return at::zeros(visible.sizes(), visible.options().dtype(at::kFloat))
      .masked_fill_(visible.logical_not(), kHidden);
}

}  // namespace

at::Tensor segment_mask(const at::Tensor& query_segments, const at::Tensor& key_segments) {
  FENNEC_CHECK(query_segments.dim() == 2 && key_segments.dim() == 2 &&
               query_segments.size(0) == key_segments.size(0));
  const at::Tensor q = query_segments.unsqueeze(2),
                   k = key_segments.unsqueeze(1);  // [B, T, 1], [B, 1, S]
  at::Tensor visible = q.eq(k);
  visible.logical_or_(k.eq(kSharedSegment).logical_and(q.ne(kPaddingSegment)));
  visible.logical_and_(not_after(q.size(1), k.size(2), q.device()));
  return to_additive(visible);
}

at::Tensor causal_mask(std::int64_t queries, std::int64_t keys, const at::TensorOptions& options) {
  if (queries == 1) return {};
  return to_additive(not_after(queries, keys, options.device()).unsqueeze(0));
}

at::Tensor window_mask(const at::Tensor& mask, const at::Tensor& query_positions,
                       const at::Tensor& key_positions, std::int64_t window) {
  const at::Tensor distance = query_positions.unsqueeze(2) - key_positions.unsqueeze(1);
  const at::Tensor visible = distance.lt(window);
  return mask.defined() ? to_additive(visible.logical_and(mask.ge(0))) : to_additive(visible);
}

}  // namespace fennec
