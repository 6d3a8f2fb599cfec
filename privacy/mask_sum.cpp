#include "privacy/mask_sum.h"

#include <algorithm>

namespace fennec {
namespace {

constexpr std::size_t kSumWords = 8192;      // 32 KiB of the sum
constexpr std::size_t kStreamsAtOnce = 256;  // bounds the memory of their cipher states

void apply_batch(MaskSuite suite, std::span<const SignedMask> masks, std::span<std::uint32_t> sum) {
  std::vector<MaskStream> streams;
  streams.reserve(masks.size());
  for (const SignedMask& mask : masks) streams.emplace_back(suite, mask.seed);
  while (!sum.empty()) {
    const auto tile = sum.first(std::min(kSumWords, sum.size()));
    for (std::size_t i = 0; i < masks.size(); ++i)
      masks[i].add ? streams[i].add_to(tile) : streams[i].subtract_from(tile);
    sum = sum.subspan(tile.size());
  }
}

}  // namespace

void apply_masks(MaskSuite suite, std::span<const SignedMask> masks, std::span<std::uint32_t> sum) {
  while (!masks.empty()) {
    const auto batch = masks.first(std::min(kStreamsAtOnce, masks.size()));
    apply_batch(suite, batch, sum);
    masks = masks.subspan(batch.size());
  }
}

}  // namespace fennec
