#include "privacy/noise_share.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "privacy/rotation.h"
#include "privacy/secagg_bytes.h"

namespace fennec {
namespace {

constexpr double kSpreads = 8;                                     // k: a wrap in 10^15 coordinates
constexpr double kRingPoints = 4294967296.0;                       // 2^32
constexpr double kWidestNoise = 1 << 20, kWidestDelta = 1 << 30;   // grid points
constexpr double kLeastStddev = 4, kLargestVariance = 1ULL << 54;  // τ < 1e-60; of the exact sampler
constexpr double kSlack = 1e-9;                                    // beyond the rounding of doubles

/// S ≤ √(2^2b − n·k²) / (2k·√(C²n²/D + n·σ²)): the sum's standard deviation is that of n rotated deltas
/// that are all alike, and of n noises.
double largest_scale(const NoiseTarget& t, double dimension, double local_stddev) {
  const double n = t.members;
  const double spread =
      std::sqrt(t.clip_norm * t.clip_norm * n * n / dimension + n * local_stddev * local_stddev);
  return std::sqrt(kRingPoints * kRingPoints - n * kSpreads * kSpreads) / (2 * kSpreads * spread);
}

RingCoding ring_coding(double dimension, double scale) {
  RingCoding coding;
  coding.values = static_cast<std::size_t>(dimension);
  coding.value_bits = kWholeRingBits;
  coding.clip = static_cast<double>(coding.limit()) / scale;
  return coding;
}

}  // namespace

Result<NoiseShare> noise_share(const NoiseTarget& t) {
  if (t.noisy < 1)
    return fail(ErrorCode::kMismatch,
                "of the fewest survivors all may be corrupt: nobody's noise counts");
  FENNEC_CHECK(t.clip_norm > 0 && t.noise_multiplier > 0 && t.values > 0);
  const auto dimension = static_cast<double>(rotated_size(t.values));
  const double planned = t.noise_multiplier * t.clip_norm / std::sqrt(static_cast<double>(t.noisy));
  NoiseShare share;
  share.coding = ring_coding(dimension, std::min({largest_scale(t, dimension, planned),
                                                  kWidestNoise / planned, kWidestDelta / t.clip_norm}));
  share.noise.clip_norm = t.clip_norm;
  share.noise.scale = share.coding.scale();
  share.noise.dimension = static_cast<std::int64_t>(dimension);
  share.noise.rounding_bias = std::exp(-0.5);
  share.noise.noisy_clients = t.noisy;
  const double stddev = t.noise_multiplier * share.noise.l2_sensitivity();
  const double variance = std::ceil(stddev * stddev / t.noisy * (1 + kSlack));
  const double local_stddev = std::sqrt(variance);
  // Rounding to the grid costs sensitivity: where it is much of it, the noise is wider than planned.
  // Four standard deviations must be left.
  const bool fits =
      share.coding.scale() <= 2 * largest_scale(t, dimension, local_stddev / share.coding.scale());
  if (!fits || local_stddev < kLeastStddev || variance > kLargestVariance)
    return fail(ErrorCode::kMismatch,
                fmt::format("a noise multiplier of {:g} over {} devices and {} values does not fit "
                            "the sum's ring of 32 bits",
                            t.noise_multiplier, t.members, t.values));
  share.variance = static_cast<std::uint64_t>(variance);
  share.noise.local_stddev = local_stddev;
  share.multiplier = distributed_discrete_gaussian_multiplier(share.noise);
  FENNEC_CHECK(share.multiplier >= t.noise_multiplier, "less noise than is accounted for");
  return share;
}

Sha256Digest privacy_digest(const NoiseTarget& target, const NoiseShare& share) {
  ByteWriter text(secagg_label("dp"));
  text.f64(target.clip_norm);
  text.f64(target.noise_multiplier);
  text.u64(target.values);
  text.u32(target.members);
  text.u32(target.noisy);
  text.f64(share.noise.scale);
  text.f64(share.noise.rounding_bias);
  text.u64(share.variance);
  return sha256(text.bytes());
}

}  // namespace fennec
