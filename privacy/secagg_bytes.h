#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fennec {

/// Every hash, key derivation and signature of secure aggregation begins with one of these labels.
inline std::string secagg_label(std::string_view purpose) {
  return "fennec/sa/v1/" + std::string(purpose);
}

/// Fixed-width little-endian fields, one after the other.
class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(std::string_view label);
  void u8(std::uint8_t value) { integer(value, 1); }
  void u16(std::uint16_t value) { integer(value, 2); }
  void u32(std::uint32_t value) { integer(value, 4); }
  void u64(std::uint64_t value) { integer(value, 8); }
  void f64(double value);
  void raw(std::span<const std::byte> value);
  const std::vector<std::byte>& bytes() const { return bytes_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void integer(std::uint64_t value, int size);
  std::vector<std::byte> bytes_;
};

/// Reads what ByteWriter wrote. After the first read beyond the end ok() is false and every value 0.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : left_(bytes) {}
  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }
  double f64();
  std::span<const std::byte> raw(std::size_t size);
  /// Fills `out`; zeros when there is too little.
  void fill(std::span<std::byte> out);
  template <std::size_t N>
  std::array<std::byte, N> array() {
    std::array<std::byte, N> out{};
    fill(out);
    return out;
  }
  void refuse() { ok_ = false; }  ///< a value that may not be there
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && left_.empty(); }
  std::size_t left() const { return left_.size(); }

 private:
  std::uint64_t integer(std::size_t size);
  std::span<const std::byte> left_;
  bool ok_ = true;
};

}  // namespace fennec
