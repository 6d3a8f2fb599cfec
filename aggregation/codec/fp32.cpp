#include <cstring>

#include "aggregation/codec/stages.h"

namespace fennec {
namespace {

/// The values as they are: 4 bytes each, little endian.
class Fp32 final : public ValueCoder {
  void encode(std::span<const float> values, Seed, std::vector<std::byte>& out) const override {
    const auto bytes = std::as_bytes(values);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  Result<void> decode(ByteReader& in, std::span<float> values) const override {
    std::span<const std::byte> bytes;
    if (!in.take(values.size_bytes(), bytes)) return ends_early("values");
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return {};
  }
};

}  // namespace

std::unique_ptr<ValueCoder> make_fp32() { return std::make_unique<Fp32>(); }

}  // namespace fennec
