#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/ops/attention_tiles.h"
#include "model/ops/document_attention.h"

namespace fennec {

/// Where heads and tokens lie in q, k and v: apart, [B, H, T, E], or joined, [B, T, H, E].
struct HeadLayout {
  std::int64_t batch, heads, kv_heads, tokens, width;
  bool joined;
};

struct AttentionGradients {
  at::Tensor dq, dk, dv;
};

/// The whole of document_attention over any layout, without autograd.
/// @param log_sum [B, H, T], written  @return [B·T, H·E]
at::Tensor attend_documents(const HeadLayout& layout, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const std::vector<DocumentRun>& documents,
                            std::int64_t window, const at::Tensor& log_sum);
AttentionGradients attend_documents_backward(const HeadLayout& layout, const at::Tensor& q,
                                             const at::Tensor& k, const at::Tensor& v,
                                             const std::vector<DocumentRun>& documents,
                                             std::int64_t window, const at::Tensor& log_sum,
                                             const at::Tensor& grad);

/// Documents as integers and back, as autograd stores them.
std::vector<std::int64_t> flatten(const std::vector<DocumentRun>& documents);
std::vector<DocumentRun> unflatten(const std::vector<std::int64_t>& flat);

}  // namespace fennec
