#pragma once
#include <cstdint>
#include <span>

#include "core/error.h"
#include "privacy/secret_bytes.h"

namespace fennec {

/// Value bits of noised vectors: they use the whole ring, and nothing keeps a sum from wrapping.
inline constexpr int kWholeRingBits = 32;

/// How a vector of floats becomes one of Z_2^32 whose sums over a cohort come out exact: each value is
/// clipped to ±clip, multiplied by scale() and rounded to a signed number of `value_bits` bits. After
/// every 4096 values comes a coordinate that is 0 in every client's vector, so 0 in the sum: a mask
/// that did not cancel shows there.
struct RingCoding {
  std::size_t values = 0;  ///< d, floats of the vector
  bool weighted = false;   ///< carries the client's weight as a further coordinate, under the mask
  int value_bits = 0;      ///< v; kWholeRingBits: clip bounds no value, it is where a sum wraps
  double clip = 1;         ///< c > 0

  std::int64_t limit() const { return (std::int64_t{1} << (value_bits - 1)) - 1; }
  double scale() const { return static_cast<double>(limit()) / clip; }
  std::size_t length() const;  ///< ring elements
  bool is_whole_ring() const { return value_bits == kWholeRingBits; }
};

/// Where value i stands among the checksums.
std::size_t ring_place(std::size_t i);

/// Values of one client never leave ±(2^(v−1) − 1), so a sum of `cohort` of them never wraps when
/// cohort·(2^(v−1) − 1) ≤ 2^31 − 1: the most bits that allows,
/// 32 − ⌈log2 cohort⌉, but not above 28 (beyond, a float has no more to say).
int largest_value_bits(std::uint32_t cohort);
/// kMismatch when the sum over `cohort` clients could wrap (but for noised vectors), or the values
/// cannot be coded at all.
Result<void> check_no_overflow(const RingCoding& coding, std::uint32_t cohort);

struct QuantizeReport {
  std::int64_t clipped = 0;  ///< values beyond ±clip
};

/// out = ring coding of `weight`·x with stochastic rounding: ⌊z⌋ + [(z − ⌊z⌋)·2^24 > r] with r uniform
/// in 24 bits of the keystream of `rounding_seed`, so the expectation is exact to 2^−24. kNumeric when
/// a value is NaN or Inf; `out` is then zeroed.
/// @param weight  this client's share of the largest weight, in [0, 1]; 1 without weighting
/// @param out  coding.length() elements
Result<QuantizeReport> quantize(std::span<const float> x, double weight, const RingCoding& coding,
                                const SecretKey& rounding_seed, std::span<std::uint32_t> out);

/// kNumeric when a coordinate of the sum cannot come from `contributors` vectors: a checksum that is
/// not 0, or a value beyond contributors·(2^(v−1) − 1), which over the whole ring none is.
Result<void> check_sum(std::span<const std::uint32_t> sum, const RingCoding& coding,
                       std::uint32_t contributors);

/// The sum of the clients' weights as parts of the largest; the number of contributors without
/// weighting.
double decode_weight(std::span<const std::uint32_t> sum, const RingCoding& coding,
                     std::uint32_t contributors);

/// mean = Σ w_u·x_u / Σ w_u. @param weight_sum  of decode_weight, > 0
void decode_mean(std::span<const std::uint32_t> sum, const RingCoding& coding, double weight_sum,
                 std::span<float> mean);

}  // namespace fennec
