#pragma once
#include <cstdint>

#include <ATen/core/Tensor.h>

namespace fennec {

/// `segments` values with a meaning of their own; documents are numbered from 0.
inline constexpr std::int64_t kPaddingSegment = -1;  ///< seen by no document
inline constexpr std::int64_t kSharedSegment =
    -2;  ///< a prompt that every later document of its row continues

/// Additive mask of causal attention within equal segments (and onto kSharedSegment): 0 where visible,
/// −1e30 else. Finite, so that no row of the softmax is all −inf.
/// @param query_segments [B, T] int64  @param key_segments [B, S] int64, the queries being its last T
/// columns
/// @return [B, T, S] float
at::Tensor segment_mask(const at::Tensor& query_segments, const at::Tensor& key_segments);

/// The mask of one document a row; undefined when T is 1, which sees everything.  @return [1, T, S]
/// float
at::Tensor causal_mask(std::int64_t queries, std::int64_t keys, const at::TensorOptions& options);

/// `mask` that also hides keys `window` or more positions before the query.
/// @param mask  as above, or undefined: everything is visible  @param query_positions [1 or B, T] int64
/// @param key_positions [1 or B, S] int64  @return [1 or B, T, S] float
at::Tensor window_mask(const at::Tensor& mask, const at::Tensor& query_positions,
                       const at::Tensor& key_positions, std::int64_t window);

}  // namespace fennec
