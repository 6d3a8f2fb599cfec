#include <bit>
#include <cmath>
#include <cstring>

#include "core/half.h"
#include "core/safetensors.h"

namespace fennec {

namespace {

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

std::uint16_t bf16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value))
    return static_cast<std::uint16_t>(bits >> 16 | 0x40u);  // quiet, or rounding makes it Inf
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

template <class Stored, class Convert>
void convert(std::span<const std::byte> bytes, std::span<float> out, Convert to) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Stored value;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    out[i] = to(value);
  }
}

}  // namespace

Result<void> to_float(const TensorView& tensor, std::span<float> out) {
  FENNEC_CHECK(out.size() == tensor.element_count(), tensor.name);
  switch (tensor.dtype) {
    case Dtype::kF32:
      if (!out.empty()) std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
      return {};
    case Dtype::kF16:
      convert<std::uint16_t>(tensor.bytes, out, from_half);
      return {};
    case Dtype::kBf16:
      convert<std::uint16_t>(tensor.bytes, out, from_bf16);
      return {};
    case Dtype::kF64:
      convert<double>(tensor.bytes, out, [](double v) { return static_cast<float>(v); });
      return {};
    default:
      return fail(ErrorCode::kMalformed, "tensor '" + tensor.name + "' is " +
                                             std::string(to_string(tensor.dtype)) + ", not floating");
  }
}

std::vector<std::uint16_t> to_bf16(std::span<const float> values) {
  std::vector<std::uint16_t> bits(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) bits[i] = bf16_bits(values[i]);
  return bits;
}

std::vector<TensorView> to_views(const ParameterSet& set) {
  std::vector<TensorView> views;
  if (set.empty()) return views;
  for (const ParameterEntry& entry : set.layout()->entries())
    views.push_back({entry.name, Dtype::kF32, entry.shape, std::as_bytes(set.values(entry))});
  return views;
}

}  // namespace fennec
