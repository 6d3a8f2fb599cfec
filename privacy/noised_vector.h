#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "privacy/discrete_noise.h"
#include "privacy/entropy.h"
#include "privacy/mask_stream.h"
#include "privacy/noise_share.h"
#include "privacy/secagg_vector.h"

namespace fennec {

/// `scale`·y rounded at random to whole numbers with Σq² ≤ `largest_square`: drawn again until it
/// holds, so that the bound is one of integers, whatever floating point did before. kNumeric when it
/// does not after a thousand draws: y is not what the bound was made for.
/// @param q  two's complement, as many as y
Result<void> round_conditionally(std::span<const float> y, double scale, Uint128 largest_square,
                                 MaskStream& random, std::span<std::uint32_t> q);

/// A device's part in a sum that is differentially private: its delta within the clip norm, rotated,
/// rounded to the grid within the sensitivity, with its share of discrete Gaussian noise on every
/// coordinate, mod 2³². Nothing else is in it. kNumeric when the delta is not finite.
/// @param sid  of the session: its signs  @param entropy  keys of the rounding and of the noise
Result<std::vector<std::uint32_t>> code_noised(std::span<const float> delta, const NoiseShare& share,
                                               const Sha256Digest& sid, Entropy& entropy);

/// The mean that a sum over `contributors` gives, with all of their noise in it. Loss and share of
/// clipped values are NaN: nobody told them.
/// @param values  floats of a delta
VectorMean decode_noised(std::span<const std::uint32_t> sum, const RingCoding& coding,
                         const Sha256Digest& sid, std::size_t values, std::uint32_t contributors);

}  // namespace fennec
