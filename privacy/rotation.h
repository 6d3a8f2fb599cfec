#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "core/digest.h"

namespace fennec {

// A randomised Hadamard transform H·diag(s)/√D: it spreads a vector evenly over its coordinates and
// keeps its norm. The signs s = ±1 follow from a session's id, so that all of its clients, and the
// server, have the same.

/// D, the least power of two that is not below `values`; vectors are padded with zeros to it.
std::size_t rotated_size(std::size_t values);
/// @param x  any size  @return [D]
std::vector<float> rotate(std::span<const float> x, const Sha256Digest& sid);
/// The inverse, in place. @param y  [D]
void unrotate(std::span<float> y, const Sha256Digest& sid);

}  // namespace fennec
