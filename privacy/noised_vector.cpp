#include "privacy/noised_vector.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/parameter_math.h"
#include "privacy/quantize_kernel.h"
#include "privacy/rotation.h"

namespace fennec {
namespace {

constexpr int kMostDraws = 1000;      // one is enough with a probability of 1 − β = 0.39
constexpr double kWithin = 1 - 1e-9;  // a norm summed up in doubles

Uint128 squared_norm(std::span<const std::uint32_t> q) {
  Uint128 sum = 0;
  for (const std::uint32_t element : q) {
    const std::int64_t value = std::bit_cast<std::int32_t>(element);
    sum += static_cast<std::uint64_t>(value * value);  // below 2^62
  }
  return sum;
}

/// ⌊Δ₂²⌋, a hair below for the rounding of doubles.
Uint128 largest_square(const DistributedNoise& noise) {
  const double l2 = noise.l2_sensitivity();
  return static_cast<Uint128>(std::floor(l2 * l2 * (1 - 1e-12)));
}

/// Grid points per unit for this vector: those of the coding, fewer when it is longer than the clip
/// norm.
double scale_for(std::span<const float> y, const DistributedNoise& noise) {
  const double norm = l2_norm(y), most = noise.clip_norm * kWithin;
  return norm > most ? noise.scale * (most / norm) : noise.scale;
}

void add_noise(std::span<std::uint32_t> q, std::uint64_t variance, const SecretKey& key) {
  KeyedRandom random(key, "share of a sum's noise");
  RandomBytes bytes(random);
  const DiscreteGaussian gaussian(variance);
  for (std::uint32_t& element : q) element += static_cast<std::uint32_t>(gaussian(bytes));
}

}  // namespace

Result<void> round_conditionally(std::span<const float> y, double scale, Uint128 largest_square,
                                 MaskStream& random, std::span<std::uint32_t> q) {
  FENNEC_CHECK(q.size() == y.size());
  const QuantizeScaling scaling{scale, std::numeric_limits<std::int32_t>::max(), 1};
  std::array<std::uint32_t, kQuantizeBlock> words;
  for (int draw = 0; draw < kMostDraws; ++draw) {
    QuantizeCounts counts;
    for (std::size_t at = 0; at < y.size(); at += kQuantizeBlock) {
      const auto block = y.subspan(at, std::min(kQuantizeBlock, y.size() - at));
      random.expand(words);
      quantize_block(block, words, scaling, q.subspan(at, block.size()), counts);
    }
    wipe(std::as_writable_bytes(std::span(words)));
    if (counts.not_finite > 0) break;
    if (squared_norm(q) <= largest_square) return {};
  }
  wipe(std::as_writable_bytes(q));
  return fail(ErrorCode::kNumeric, "the vector cannot be rounded within its sensitivity");
}

Result<std::vector<std::uint32_t>> code_noised(std::span<const float> delta, const NoiseShare& share,
                                               const Sha256Digest& sid, Entropy& entropy) {
  FENNEC_CHECK(share.coding.values == rotated_size(delta.size()) && share.coding.is_whole_ring());
  if (!all_finite(delta)) return fail(ErrorCode::kNumeric, "the delta holds a NaN or Inf");
  std::vector<float> y = rotate(delta, sid);
  std::vector<std::uint32_t> q(y.size());
  MaskStream rounding(MaskSuite::kAes256Ctr, entropy.key());
  const auto rounded =
      round_conditionally(y, scale_for(y, share.noise), largest_square(share.noise), rounding, q);
  wipe(std::as_writable_bytes(std::span(y)));
  if (!rounded) return tl::unexpected<Error>(rounded.error());
  add_noise(q, share.variance, entropy.key());
  std::vector<std::uint32_t> ring(share.coding.length());
  for (std::size_t i = 0; i < q.size(); ++i) ring[ring_place(i)] = q[i];
  wipe(std::as_writable_bytes(std::span(q)));
  return ring;
}

VectorMean decode_noised(std::span<const std::uint32_t> sum, const RingCoding& coding,
                         const Sha256Digest& sid, std::size_t values, std::uint32_t contributors) {
  FENNEC_CHECK(contributors > 0 && rotated_size(values) == coding.values);
  VectorMean mean;
  mean.delta.resize(coding.values);
  decode_mean(sum, coding, contributors, mean.delta);
  unrotate(mean.delta, sid);
  mean.delta.resize(values);
  mean.weight = contributors;
  mean.clipped_share = mean.loss = std::numeric_limits<double>::quiet_NaN();
  return mean;
}

}  // namespace fennec
