#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "privacy/entropy.h"
#include "privacy/x25519.h"

namespace fennec {

using Signature = std::array<std::byte, 64>;

/// An Ed25519 key that signs (RFC 8032). What is signed always begins with a label, so that a signature
/// made for one purpose never counts for another.
class SigningKey {
 public:
  SigningKey() = default;
  explicit SigningKey(SecretKey seed);
  static SigningKey generate(Entropy& entropy) { return SigningKey(entropy.key()); }

  const PublicKey& public_key() const { return public_key_; }
  const SecretKey& seed() const { return seed_; }  ///< to store it
  SigningKey clone() const { return SigningKey(seed_.clone()); }
  Signature sign(std::string_view label, std::span<const std::byte> message) const;

 private:
  SecretKey seed_;
  PublicKey public_key_{};
};

bool verify(const PublicKey& signer, std::string_view label, std::span<const std::byte> message,
            const Signature& signature);

}  // namespace fennec
