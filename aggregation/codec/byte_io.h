#pragma once
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

namespace fennec {

static_assert(std::endian::native == std::endian::little,
              "the wire is little endian, and so is every target");

template <class T>
requires std::is_trivially_copyable_v<T>
void append_value(std::vector<std::byte>& out, const T& value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), bytes, bytes + sizeof(T));
}

/// Takes bytes off the front of a buffer; nothing is read beyond its end.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : rest_(bytes) {}
  std::span<const std::byte> rest() const { return rest_; }

  /// False when there are fewer bytes; nothing is taken then.
  bool take(std::size_t size, std::span<const std::byte>& out) {
    if (rest_.size() < size) return false;
    out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return true;
  }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  bool read(T& value) {
    std::span<const std::byte> bytes;
    if (!take(sizeof(T), bytes)) return false;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return true;
  }

 private:
  std::span<const std::byte> rest_;
};

}  // namespace fennec
