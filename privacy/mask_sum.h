#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "privacy/mask_stream.h"

namespace fennec {

/// A mask to add to or to take from a sum.
struct SignedMask {
  SecretKey seed;
  bool add = true;
};

/// sum ± every mask. Tile by tile over the sum with many streams side by side, so that the sum is read
/// and written once a batch of masks, not once a mask.
void apply_masks(MaskSuite suite, std::span<const SignedMask> masks, std::span<std::uint32_t> sum);

}  // namespace fennec
