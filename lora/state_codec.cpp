#include "lora/state_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "core/safetensors.h"
#include "lora/prefix_cache_config.h"

namespace fennec {
namespace {

constexpr float kLargestCode = 127;

/// The scale of a row, NaN when one of its values is not finite.
float row_scale(std::span<const float> row) {
  float most = 0;
  for (const float x : row) {
    if (!std::isfinite(x)) return std::numeric_limits<float>::quiet_NaN();
    most = std::max(most, std::abs(x));
  }
  return most / kLargestCode;
}

void encode_row(std::span<const float> row, float scale, std::byte* codes) {
  const bool has_codes = scale > 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const float q = has_codes ? std::nearbyint(row[i] / scale) : 0.0F;
    codes[i] =
        static_cast<std::byte>(static_cast<std::int8_t>(std::clamp(q, -kLargestCode, kLargestCode)));
  }
}

void encode_int8(std::span<const float> states, std::size_t width, std::span<std::byte> out) {
  const std::size_t tokens = states.size() / width;
  std::byte* codes = out.data() + tokens * sizeof(float);
  for (std::size_t t = 0; t < tokens; ++t) {
    const auto row = states.subspan(t * width, width);
    const float scale = row_scale(row);
    std::memcpy(out.data() + t * sizeof scale, &scale, sizeof scale);
    encode_row(row, scale, codes + t * width);
  }
}

void decode_int8(std::span<const std::byte> bytes, std::size_t width, std::span<float> out) {
  const std::size_t tokens = out.size() / width;
  const std::byte* codes = bytes.data() + tokens * sizeof(float);
  for (std::size_t t = 0; t < tokens; ++t) {
    float scale = 0;
    std::memcpy(&scale, bytes.data() + t * sizeof scale, sizeof scale);
    for (std::size_t i = t * width; i < (t + 1) * width; ++i)
      out[i] = scale * static_cast<float>(static_cast<std::int8_t>(codes[i]));
  }
}

void decode_bf16(std::span<const std::byte> bytes, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * sizeof bits, sizeof bits);
    out[i] = std::bit_cast<float>(std::uint32_t{bits} << 16);
  }
}

}  // namespace

StatePrecision state_precision(const std::string& name) {
  const auto& names = state_precision_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw ConfigError("unknown train.prefix_cache.precision '" + name + "'");
  return static_cast<StatePrecision>(found - names.begin());
}

std::size_t encoded_bytes(StatePrecision precision, std::size_t tokens, std::size_t width) {
  switch (precision) {
    case StatePrecision::kFp32:
      return tokens * width * sizeof(float);
    case StatePrecision::kBf16:
      return tokens * width * sizeof(std::uint16_t);
    case StatePrecision::kInt8:
      return tokens * (width + sizeof(float));
  }
  FENNEC_CHECK(false, "unknown precision");
}

std::vector<std::byte> encode_states(StatePrecision precision, std::span<const float> states,
                                     std::size_t width) {
  FENNEC_CHECK(width > 0 && states.size() % width == 0);
  std::vector<std::byte> out(encoded_bytes(precision, states.size() / width, width));
  if (out.empty()) return out;
  if (precision == StatePrecision::kInt8) {
    encode_int8(states, width, out);
  } else if (precision == StatePrecision::kBf16) {
    std::memcpy(out.data(), to_bf16(states).data(), out.size());
  } else {
    std::memcpy(out.data(), states.data(), out.size());
  }
  return out;
}

void decode_states(StatePrecision precision, std::span<const std::byte> bytes, std::size_t width,
                   std::span<float> out) {
  FENNEC_CHECK(width > 0 && out.size() % width == 0 &&
               bytes.size() == encoded_bytes(precision, out.size() / width, width));
  if (out.empty()) return;
  if (precision == StatePrecision::kInt8) return decode_int8(bytes, width, out);
  if (precision == StatePrecision::kBf16) return decode_bf16(bytes, out);
  std::memcpy(out.data(), bytes.data(), bytes.size());
}

}  // namespace fennec
