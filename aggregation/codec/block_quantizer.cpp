#include "aggregation/codec/block_quantizer.h"

#include <algorithm>
#include <cmath>

#include "aggregation/codec/bf16.h"

namespace fennec {
namespace {

/// NaN when an element is not finite: the receiver refuses such a scale.
float largest_magnitude(std::span<const float> block) {
  float largest = 0;
  for (const float x : block) {
    if (!std::isfinite(x)) return std::nanf("");
    largest = std::max(largest, std::abs(x));
  }
  return largest;
}

}  // namespace

void BlockQuantizer::encode(std::span<const float> values, Seed draws,
                            std::vector<std::byte>& out) const {
  std::vector<float> uniform(values.size());
  fill_uniform(draws, uniform, 0, 1);
  std::vector<std::int8_t> integers(values.size());
  for (std::size_t first = 0; first < values.size(); first += kQuantizerBlock) {
    const auto block = values.subspan(first, std::min(kQuantizerBlock, values.size() - first));
    const std::uint16_t bits = bf16_not_below(largest_magnitude(block) / static_cast<float>(most_));
    append_value(out, bits);
    const float scale = from_bf16(bits);
    if (!(scale > 0) || !std::isfinite(scale)) continue;
    for (std::size_t i = 0; i < block.size(); ++i) {
      const float q = std::floor(block[i] / scale + uniform[first + i]);
      integers[first + i] = static_cast<std::int8_t>(
          std::clamp(q, static_cast<float>(-most_), static_cast<float>(most_)));
    }
  }
  pack(integers, out);
}

Result<void> BlockQuantizer::decode(ByteReader& in, std::span<float> values) const {
  const auto scales = read_scales(in, values.size());
  if (!scales) return tl::unexpected<Error>(scales.error());
  std::vector<std::int8_t> integers(values.size());
  if (const Result<void> read = unpack(in, integers); !read) return read;
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = (*scales)[i / kQuantizerBlock] * static_cast<float>(integers[i]);
  return {};
}

void BlockQuantizer::pack(std::span<const std::int8_t> integers, std::vector<std::byte>& out) const {
  if (bits_ == 8) {
    const auto bytes = std::as_bytes(integers);
    out.insert(out.end(), bytes.begin(), bytes.end());
    return;
  }
  for (std::size_t i = 0; i < integers.size(); i += 2) {
    const int low = integers[i] & 15, high = i + 1 < integers.size() ? integers[i + 1] & 15 : 0;
    out.push_back(static_cast<std::byte>(low | high << 4));
  }
}

Result<void> BlockQuantizer::unpack(ByteReader& in, std::span<std::int8_t> integers) const {
  const std::size_t per_byte = bits_ == 8 ? 1 : 2;
  std::span<const std::byte> bytes;
  if (!in.take((integers.size() + per_byte - 1) / per_byte, bytes)) return ends_early("values");
  for (std::size_t i = 0; i < bytes.size() * per_byte; ++i) {
    const int raw = std::to_integer<int>(bytes[i / per_byte]);
    int value = bits_ == 8 ? raw : raw >> (4 * (i % 2)) & 15;
    if (value > most_) value -= 2 * (most_ + 1);
    const bool padding = i >= integers.size();
    if (value < -most_ || (padding && value != 0))
      return fail(ErrorCode::kMalformed, "the update holds an integer that is never written");
    if (!padding) integers[i] = static_cast<std::int8_t>(value);
  }
  return {};
}

Result<std::vector<float>> read_scales(ByteReader& in, std::size_t values) {
  std::vector<float> scales((values + kQuantizerBlock - 1) / kQuantizerBlock);
  for (float& scale : scales) {
    std::uint16_t bits = 0;
    if (!in.read(bits)) return ends_early("scales");
    scale = from_bf16(bits);
    if (!std::isfinite(scale) || scale < 0)
      return fail(ErrorCode::kNumeric, "the update holds a scale that is negative, NaN or Inf");
  }
  return scales;
}

std::unique_ptr<ValueCoder> make_int8() { return std::make_unique<BlockQuantizer>(8); }
std::unique_ptr<ValueCoder> make_int4() { return std::make_unique<BlockQuantizer>(4); }

}  // namespace fennec
