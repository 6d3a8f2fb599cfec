#pragma once
#include <bit>
#include <cstdint>

namespace fennec {

inline float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// The smallest bf16 not below x: x ≥ 0 or NaN. A scale that is rounded down would let the largest
/// element of its block overflow.
inline std::uint16_t bf16_not_below(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits >> 16) + ((bits & 0xffffu) != 0 && x == x ? 1 : 0));
}

}  // namespace fennec
