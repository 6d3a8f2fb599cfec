#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace fennec {

/// Overwrites memory in a way the compiler keeps.
void wipe(std::span<std::byte> bytes);
/// Equality in time independent of where the bytes differ; sizes are public.
bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b);

/// N secret bytes: zero at first, not copyable by accident, wiped on destruction and when moved from.
template <std::size_t N>
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::span<const std::byte, N> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  SecretBytes(SecretBytes&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_); }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this == &other) return *this;
    bytes_ = other.bytes_;
    wipe(other.bytes_);
    return *this;
  }
  ~SecretBytes() { wipe(bytes_); }
  SecretBytes clone() const { return SecretBytes(bytes()); }

  std::span<std::byte, N> bytes() { return bytes_; }
  std::span<const std::byte, N> bytes() const { return bytes_; }

 private:
  std::array<std::byte, N> bytes_{};
};

using SecretKey = SecretBytes<32>;

}  // namespace fennec
