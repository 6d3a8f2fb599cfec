#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "core/error.h"
#include "privacy/secret_bytes.h"

namespace fennec {

inline constexpr std::size_t kGcmTagBytes = 16;
using GcmNonce = std::array<std::byte, 12>;

/// AES-256-GCM: ciphertext ‖ 16-byte tag. A key and nonce encrypt exactly one plaintext.
std::vector<std::byte> gcm_seal(const SecretKey& key, const GcmNonce& nonce,
                                std::span<const std::byte> associated,
                                std::span<const std::byte> plaintext);

/// Fills `plaintext` (its size is the expected one); kMalformed, and `plaintext` zeroed, when the tag
/// does not hold.
Result<void> gcm_open(const SecretKey& key, const GcmNonce& nonce,
                      std::span<const std::byte> associated, std::span<const std::byte> sealed,
                      std::span<std::byte> plaintext);

}  // namespace fennec
