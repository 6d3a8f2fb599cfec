#include "privacy/ed25519.h"

#include <utility>
#include <vector>

#include "core/error.h"
#include "privacy/evp_handles.h"

namespace fennec {
namespace {

EvpKey signing_key(const SecretKey& seed) {
  EvpKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, to_openssl(seed.bytes()),
                                          seed.bytes().size()));
  FENNEC_CHECK(key != nullptr);
  return key;
}

/// Ed25519 takes a message in one piece.
std::vector<std::byte> labelled(std::string_view label, std::span<const std::byte> message) {
  const auto prefix = std::as_bytes(std::span(label));
  std::vector<std::byte> all(prefix.begin(), prefix.end());
  all.insert(all.end(), message.begin(), message.end());
  return all;
}

}  // namespace

SigningKey::SigningKey(SecretKey seed) : seed_(std::move(seed)) {
  std::size_t size = public_key_.size();
  FENNEC_CHECK(EVP_PKEY_get_raw_public_key(signing_key(seed_).get(), to_openssl(public_key_), &size) ==
               1);
}

Signature SigningKey::sign(std::string_view label, std::span<const std::byte> message) const {
  const EvpKey key = signing_key(seed_);
  const EvpDigestContext context(EVP_MD_CTX_new());
  const std::vector<std::byte> all = labelled(label, message);
  Signature signature{};
  std::size_t size = signature.size();
  FENNEC_CHECK(
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestSign(context.get(), to_openssl(signature), &size, to_openssl(all), all.size()) == 1 &&
      size == signature.size());
  return signature;
}

bool verify(const PublicKey& signer, std::string_view label, std::span<const std::byte> message,
            const Signature& signature) {
  const EvpKey key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, to_openssl(signer), signer.size()));
  const EvpDigestContext context(EVP_MD_CTX_new());
  const std::vector<std::byte> all = labelled(label, message);
  return key != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), to_openssl(signature), signature.size(), to_openssl(all),
                          all.size()) == 1;
}

}  // namespace fennec
