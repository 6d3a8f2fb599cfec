#pragma once
#include "aggregation/codec/stages.h"

namespace fennec {

inline constexpr std::size_t kQuantizerBlock = 64;

/// Symmetric integers of 8 or 4 bits with a bf16 scale for each block of 64: scale =
/// max|x|/(2^(bits−1)−1), rounded up; q = ⌊x/scale + u⌋ with u uniform in [0, 1), so that E[q·scale] =
/// x. All scales come first, then the integers; two of 4 bits share a byte, the first one low.
class BlockQuantizer final : public ValueCoder {
 public:
  explicit BlockQuantizer(int bits) : bits_(bits), most_(bits == 8 ? 127 : 7) {}
  void encode(std::span<const float> values, Seed draws, std::vector<std::byte>& out) const override;
  Result<void> decode(ByteReader& in, std::span<float> values) const override;

 private:
  void pack(std::span<const std::int8_t> integers, std::vector<std::byte>& out) const;
  Result<void> unpack(ByteReader& in, std::span<std::int8_t> integers) const;
  int bits_, most_;
};

/// The scales of a block-wise coder, each finite and not negative: kNumeric otherwise.
Result<std::vector<float>> read_scales(ByteReader& in, std::size_t values);

}  // namespace fennec
