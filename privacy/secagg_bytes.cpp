#include "privacy/secagg_bytes.h"

#include <algorithm>
#include <bit>

namespace fennec {

ByteWriter::ByteWriter(std::string_view label) { raw(std::as_bytes(std::span(label))); }

void ByteWriter::raw(std::span<const std::byte> value) {
  bytes_.insert(bytes_.end(), value.begin(), value.end());
}

void ByteWriter::integer(std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes_.push_back(static_cast<std::byte>((value >> (8 * i)) & 0xFFu));
}

void ByteWriter::f64(double value) { u64(std::bit_cast<std::uint64_t>(value)); }

std::uint64_t ByteReader::integer(std::size_t size) {
  std::uint64_t value = 0;
  const auto bytes = raw(size);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

double ByteReader::f64() { return std::bit_cast<double>(u64()); }

std::span<const std::byte> ByteReader::raw(std::size_t size) {
  if (!ok_ || size > left_.size()) {
    ok_ = false;
    return {};
  }
  const auto bytes = left_.first(size);
  left_ = left_.subspan(size);
  return bytes;
}

void ByteReader::fill(std::span<std::byte> out) {
  const auto bytes = raw(out.size());
  std::copy(bytes.begin(), bytes.end(), out.begin());
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(bytes.size()), out.end(), std::byte{0});
}

}  // namespace fennec
