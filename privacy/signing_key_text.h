#pragma once
#include <string>
#include <string_view>

#include "core/error.h"
#include "privacy/ed25519.h"

namespace fennec {

// Ed25519 keys as 64 lower-case hex digits, for key files and bundles. kMalformed when they are not.

Result<SigningKey> signing_key_from_hex(std::string_view hex);
Result<PublicKey> public_key_from_hex(std::string_view hex);
/// The secret seed: the caller wipes the text.
std::string signing_key_hex(const SigningKey& key);

}  // namespace fennec
