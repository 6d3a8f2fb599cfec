#pragma once
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model/rope.h"

namespace fennec {

/// Splits a projection's output into heads, rotating the first 2·(d/2) dimensions of each by the table.
/// @param x [B·T, heads·E] float
/// @param table  cos and sin [T, d/2] or [B, T, d/2]; undefined: no rotation (values)
/// @return [B, heads, T, E], contiguous
at::Tensor split_heads(const at::Tensor& x, std::int64_t batch, std::int64_t heads,
                       const RopeTable& table);

/// The same in plain tensor operations.
at::Tensor split_heads_reference(const at::Tensor& x, std::int64_t batch, std::int64_t heads,
                                 const RopeTable& table);

}  // namespace fennec
