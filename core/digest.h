#pragma once
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fennec {

using Sha256Digest = std::array<std::byte, 32>;

/// Incremental SHA-256 (OpenSSL).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  Sha256Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256Digest sha256(std::span<const std::byte> bytes);
Sha256Digest sha256(std::string_view text);
Sha256Digest sha256_file(const std::filesystem::path& file);  ///< throws IoError
std::string to_hex(std::span<const std::byte> bytes);
bool is_sha256_hex(std::string_view text);  ///< 64 lower-case hex digits

}  // namespace fennec
