#include <cmath>

#include "aggregation/codec/bf16.h"
#include "aggregation/codec/block_quantizer.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

/// One bit a value, and for each block of 64 the mean of |x| as bf16 (signSGD with error feedback:
/// Karimireddy et al., arXiv 1901.09847). Scales first, then the bits, the first lowest; 1 = negative.
class Sign final : public ValueCoder {
  void encode(std::span<const float> values, Seed, std::vector<std::byte>& out) const override {
    for (std::size_t first = 0; first < values.size(); first += kQuantizerBlock) {
      const auto block = values.subspan(first, std::min(kQuantizerBlock, values.size() - first));
      double sum = 0;
      for (const float x : block) sum += std::abs(static_cast<double>(x));
      const float mean[] = {static_cast<float>(sum / static_cast<double>(block.size()))};
      append_value(out, to_bf16(mean)[0]);
    }
    std::vector<std::byte> bits((values.size() + 7) / 8, std::byte{0});
    for (std::size_t i = 0; i < values.size(); ++i)
      if (std::signbit(values[i])) bits[i / 8] |= std::byte{1} << (i % 8);
    out.insert(out.end(), bits.begin(), bits.end());
  }

  Result<void> decode(ByteReader& in, std::span<float> values) const override {
    const auto scales = read_scales(in, values.size());
    if (!scales) return tl::unexpected<Error>(scales.error());
    std::span<const std::byte> bits;
    if (!in.take((values.size() + 7) / 8, bits)) return ends_early("signs");
    const auto bit = [&](std::size_t i) {
      return (bits[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0};
    };
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float scale = (*scales)[i / kQuantizerBlock];
      values[i] = bit(i) && scale > 0 ? -scale : scale;
    }
    for (std::size_t i = values.size(); i < bits.size() * 8; ++i)
      if (bit(i)) return fail(ErrorCode::kMalformed, "the update holds more signs than values");
    return {};
  }
};

}  // namespace

std::unique_ptr<ValueCoder> make_sign() { return std::make_unique<Sign>(); }

}  // namespace fennec
