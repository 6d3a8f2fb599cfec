#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/causal_lm.h"

namespace fennec {

/// Keys (after RoPE) and values of the tokens seen so far, one column a token, with the segment of each
/// column. A column's segment may be changed afterwards: relabelling as kPaddingSegment drops it, as
/// kSharedSegment makes it part of the prompt. Not thread-safe.
class KvCache {
 public:
  /// @param rows  B  @param capacity  columns to make room for; grows when more come
  KvCache(const CausalLm& model, std::int64_t rows, std::int64_t capacity);

  std::int64_t length() const { return length_; }
  const at::Tensor& segments() const {
    return segments_;
  }  ///< [B, capacity] int64, writable; the first length() count

  const at::Tensor& positions() const { return positions_; }  ///< [B, capacity] int64, as segments()

  /// Opens T columns for the tokens of one forward pass.  @param segments [B, T] int64 or undefined:
  /// document 0  @param positions [T] or [B, T] int64
  void extend(std::int64_t tokens, const at::Tensor& segments, const at::Tensor& positions);
  /// Stores a layer's k, v [B, K, T, E] in the columns just opened.  @return all columns so far [B, K,
  /// length, E]
  std::pair<at::Tensor, at::Tensor> store(std::int64_t layer, const at::Tensor& k, const at::Tensor& v);
  bool is_segmented() const { return segmented_; }  ///< some forward pass named segments

 private:
  void grow(std::int64_t columns);
  std::vector<at::Tensor> keys_, values_;  // [B, K, capacity, E] each
  at::Tensor segments_, positions_;
  std::int64_t length_ = 0, opened_ = 0, capacity_;
  bool segmented_ = false;
};

}  // namespace fennec
