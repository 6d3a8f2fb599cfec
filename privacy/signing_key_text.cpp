#include "privacy/signing_key_text.h"

#include "core/digest.h"

namespace fennec {
namespace {

Result<void> parse(std::string_view hex, std::span<std::byte, 32> out) {
  if (!is_sha256_hex(hex)) return fail(ErrorCode::kMalformed, "not a key of 64 hex digits");
  const auto digit = [&](std::size_t i) {
    const char c = hex[i];
    return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::byte>(16 * digit(2 * i) + digit(2 * i + 1));
  return {};
}

}  // namespace

Result<SigningKey> signing_key_from_hex(std::string_view hex) {
  SecretKey seed;
  if (const auto parsed = parse(hex, seed.bytes()); !parsed)
    return tl::unexpected<Error>(parsed.error());
  return SigningKey(std::move(seed));
}

Result<PublicKey> public_key_from_hex(std::string_view hex) {
  PublicKey key{};
  if (const auto parsed = parse(hex, key); !parsed) return tl::unexpected<Error>(parsed.error());
  return key;
}

std::string signing_key_hex(const SigningKey& key) { return to_hex(key.seed().bytes()); }

}  // namespace fennec
