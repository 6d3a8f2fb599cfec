#pragma once
#include <cstdint>

namespace fennec::field61 {

// Arithmetic in F_p with p = 2^61 − 1, without branches on values: operands and results in [0, p).

inline constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

/// x mod p for x < 2^62.
inline std::uint64_t reduce(std::uint64_t x) {
  const std::uint64_t folded = (x & kPrime) + (x >> 61);  // ≤ p + 1
  const std::uint64_t less = folded - kPrime;
  const std::uint64_t borrow = 0 - (less >> 63);  // all ones when folded < p
  return (folded & borrow) | (less & ~borrow);
}
inline std::uint64_t add(std::uint64_t a, std::uint64_t b) { return reduce(a + b); }
inline std::uint64_t subtract(std::uint64_t a, std::uint64_t b) { return reduce(a + (kPrime - b)); }
inline std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  const auto low = static_cast<std::uint64_t>(product) & kPrime;
  const auto high = static_cast<std::uint64_t>(product >> 61);
  return reduce(low + high);
}
/// 1/a for a ≠ 0, as a^(p−2).
inline std::uint64_t inverse(std::uint64_t a) {
  std::uint64_t result = 1, square = a;
  for (std::uint64_t exponent = kPrime - 2; exponent != 0; exponent >>= 1) {  // public
    if (exponent & 1u) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

}  // namespace fennec::field61
