#include "aggregation/codec/bf16.h"

#include "aggregation/codec/stages.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

/// The upper 16 bits of each float, rounded to nearest even.
class Bf16 final : public ValueCoder {
  void encode(std::span<const float> values, Seed, std::vector<std::byte>& out) const override {
    const std::vector<std::uint16_t> rounded = to_bf16(values);
    const auto bytes = std::as_bytes(std::span(rounded));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  Result<void> decode(ByteReader& in, std::span<float> values) const override {
    for (float& value : values) {
      std::uint16_t bits = 0;
      if (!in.read(bits)) return ends_early("values");
      value = from_bf16(bits);
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<ValueCoder> make_bf16() { return std::make_unique<Bf16>(); }

}  // namespace fennec
