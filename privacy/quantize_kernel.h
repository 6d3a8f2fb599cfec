#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace fennec {

inline constexpr std::size_t kQuantizeBlock = 4096;

struct QuantizeScaling {
  double scale, limit, weight;
};
struct QuantizeCounts {
  std::int64_t clipped = 0, not_finite = 0;
};

/// The inner loop of quantize() over at most kQuantizeBlock values: the same bits on every processor,
/// with AVX2 where there is AVX2.
void quantize_block(std::span<const float> x, std::span<const std::uint32_t> random,
                    const QuantizeScaling& scaling, std::span<std::uint32_t> out,
                    QuantizeCounts& counts);

}  // namespace fennec
