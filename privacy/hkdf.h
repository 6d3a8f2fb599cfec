#pragma once
#include <cstddef>
#include <span>

#include "privacy/secret_bytes.h"

namespace fennec {

/// HKDF-SHA256 (RFC 5869), extract and expand; fills `out` (at most 8160 bytes).
void hkdf_sha256(std::span<const std::byte> key, std::span<const std::byte> salt,
                 std::span<const std::byte> info, std::span<std::byte> out);

/// The usual 32 bytes.
SecretKey hkdf_key(std::span<const std::byte> key, std::span<const std::byte> salt,
                   std::span<const std::byte> info);

}  // namespace fennec
