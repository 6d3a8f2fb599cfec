#pragma once
#include <array>
#include <cstddef>

#include "core/error.h"
#include "privacy/entropy.h"
#include "privacy/secret_bytes.h"

namespace fennec {

using PublicKey = std::array<std::byte, 32>;  ///< X25519 or Ed25519

/// X25519 (RFC 7748).
struct X25519KeyPair {
  SecretKey secret_key;
  PublicKey public_key{};
};
X25519KeyPair generate_x25519(Entropy& entropy);
PublicKey x25519_public(const SecretKey& secret_key);

/// The shared secret; kMalformed when the peer's point is of small order (the result would be zero).
Result<SecretKey> x25519(const SecretKey& secret_key, const PublicKey& peer);
/// Whether every agreement with this key would come to nothing.
bool is_of_small_order(const PublicKey& key);

}  // namespace fennec
