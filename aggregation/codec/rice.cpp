#include "aggregation/codec/rice.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fennec {
namespace {

constexpr int kMostParameter = 31;

class BitWriter {
 public:
  explicit BitWriter(std::vector<std::byte>& out) : out_(out) {}
  void put(bool bit) {
    if (used_ == 0) out_.push_back(std::byte{0});
    if (bit) out_.back() |= std::byte{1} << used_;
    used_ = (used_ + 1) % 8;
  }

 private:
  std::vector<std::byte>& out_;
  int used_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  bool ended() const { return at_ >= bytes_.size() * 8; }
  bool next() {
    const bool bit = (bytes_[at_ / 8] >> (at_ % 8) & std::byte{1}) != std::byte{0};
    ++at_;
    return bit;
  }
  std::size_t bytes_read() const { return (at_ + 7) / 8; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

/// The parameter that suits gaps of this mean, were they geometrically distributed.
int parameter_for(double mean_gap) {
  if (!(mean_gap > 0)) return 0;
  return std::clamp(static_cast<int>(std::lround(std::log2(std::numbers::ln2 * mean_gap))), 0,
                    kMostParameter);
}

}  // namespace

void append_positions(std::vector<std::byte>& out, std::span<const std::uint32_t> positions) {
  const double span = positions.empty() ? 0 : static_cast<double>(positions.back()) + 1;
  const auto count = static_cast<double>(std::max<std::size_t>(positions.size(), 1));
  const int k = parameter_for((span - count) / count);
  append_value(out, static_cast<std::uint8_t>(k));
  BitWriter bits(out);
  std::uint32_t next = 0;  // the lowest that the coming position could be
  for (const std::uint32_t position : positions) {
    const std::uint32_t gap = position - next;
    for (std::uint32_t i = 0; i < gap >> k; ++i) bits.put(true);
    bits.put(false);
    for (int i = 0; i < k; ++i) bits.put((gap >> i & 1) != 0);
    next = position + 1;
  }
}

Result<std::vector<std::uint32_t>> read_positions(ByteReader& in, std::size_t count, std::size_t size) {
  const auto broken = [] {
    return fail(ErrorCode::kMalformed, "the update's list of positions is damaged");
  };
  std::uint8_t k = 0;
  if (count > size || !in.read(k) || k > kMostParameter) return broken();
  BitReader bits(in.rest());
  std::vector<std::uint32_t> positions;
  positions.reserve(count);
  std::uint64_t next = 0;
  while (positions.size() < count) {
    std::uint64_t gap = 0;
    while (true) {  // ends: a gap beyond the layout is refused
      if (bits.ended()) return broken();
      if (!bits.next()) break;
      gap += std::uint64_t{1} << k;
      if (next + gap >= size) return broken();
    }
    for (int i = 0; i < k; ++i) {
      if (bits.ended()) return broken();
      gap |= static_cast<std::uint64_t>(bits.next()) << i;
    }
    next += gap;
    if (next >= size) return broken();
    positions.push_back(static_cast<std::uint32_t>(next++));
  }
  const std::size_t used = bits.bytes_read();
  BitReader tail = bits;
  while (tail.bytes_read() == used && !tail.ended()) {
    const bool bit = tail.next();
    if (tail.bytes_read() == used && bit) return broken();
  }
  std::span<const std::byte> taken;
  in.take(used, taken);
  return positions;
}

}  // namespace fennec
