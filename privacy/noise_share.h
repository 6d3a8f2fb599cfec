#pragma once
#include <cstddef>
#include <cstdint>

#include "core/digest.h"
#include "core/error.h"
#include "privacy/accounting/distributed_noise.h"
#include "privacy/ring_vector.h"

namespace fennec {

/// What the sum of a session must promise.
struct NoiseTarget {
  double clip_norm = 0;         ///< C, L2 limit of a delta
  double noise_multiplier = 0;  ///< z, noise std of the sum over its sensitivity, at least
  std::size_t values = 0;       ///< d, floats of a delta
  std::uint32_t members = 0;    ///< n, in the sum at most
  std::uint32_t noisy = 0;      ///< in the sum, and adding their noise, at least
};

/// A device's share of the noise of a sum, and the ring it is added in (Kairouz, Liu, Steinke 2021,
/// arXiv 2102.06387). With the fewest survivors, and those of them that may be corrupt adding none, the
/// sum has the noise that was promised; whoever else survives adds to it.
struct NoiseShare {
  DistributedNoise noise;      ///< of the fewest noisy survivors
  RingCoding coding;           ///< of D rotated values, over the whole ring: a sum may wrap
  std::uint64_t variance = 0;  ///< s_ℓ², of one device's discrete Gaussian, grid points squared
  double multiplier = 0;       ///< of a Gaussian that costs as much; not below the target's
};

/// The finest grid that 32 bits have room for, up to a noise of 2²⁰ points a device. A coordinate of
/// the sum wraps beyond eight standard deviations, which costs accuracy, not privacy. kMismatch saying
/// what does not fit.
Result<NoiseShare> noise_share(const NoiseTarget& target);

/// What a session's parameters are bound to.
Sha256Digest privacy_digest(const NoiseTarget& target, const NoiseShare& share);

}  // namespace fennec
