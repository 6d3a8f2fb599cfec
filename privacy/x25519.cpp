#include "privacy/x25519.h"

#include <openssl/evp.h>

#include "privacy/evp_handles.h"

namespace fennec {
namespace {

EvpKey agreement_key(const SecretKey& secret_key) {
  EvpKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, to_openssl(secret_key.bytes()),
                                          secret_key.bytes().size()));
  FENNEC_CHECK(key != nullptr);
  return key;
}

PublicKey public_of(const EvpKey& key) {
  PublicKey out{};
  std::size_t size = out.size();
  FENNEC_CHECK(EVP_PKEY_get_raw_public_key(key.get(), to_openssl(out), &size) == 1 &&
               size == out.size());
  return out;
}

}  // namespace

X25519KeyPair generate_x25519(Entropy& entropy) {
  X25519KeyPair pair{entropy.key(), {}};
  pair.public_key = x25519_public(pair.secret_key);
  return pair;
}

PublicKey x25519_public(const SecretKey& secret_key) { return public_of(agreement_key(secret_key)); }

Result<SecretKey> x25519(const SecretKey& secret_key, const PublicKey& peer) {
  const EvpKey mine = agreement_key(secret_key);
  const EvpKey theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, to_openssl(peer), peer.size()));
  const EvpKeyContext context(EVP_PKEY_CTX_new(mine.get(), nullptr));
  SecretKey shared;
  std::size_t size = shared.bytes().size();
  const bool derived = theirs != nullptr && context != nullptr &&
                       EVP_PKEY_derive_init(context.get()) == 1 &&
                       EVP_PKEY_derive_set_peer(context.get(), theirs.get()) == 1 &&
                       EVP_PKEY_derive(context.get(), to_openssl(shared.bytes()), &size) == 1;
  constexpr std::array<std::byte, 32> kZero{};
  if (!derived || size != kZero.size() || equal_in_constant_time(shared.bytes(), kZero))
    return fail(ErrorCode::kMalformed, "an X25519 public key of small order");
  return shared;
}

bool is_of_small_order(const PublicKey& key) {
  return !x25519(SecretKey(), key);  // clamping makes any scalar, zero too, a multiple of the cofactor
}

}  // namespace fennec
