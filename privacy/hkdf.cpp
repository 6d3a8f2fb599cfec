#include "privacy/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <string>

#include "core/error.h"
#include "privacy/evp_handles.h"

namespace fennec {
namespace {

/// Fetched once: an implicit fetch a call is measurable.
EVP_KDF* hkdf() {
  static const EvpKdf kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  FENNEC_CHECK(kdf != nullptr, "this OpenSSL has no HKDF");
  return kdf.get();
}

OSSL_PARAM octets(const char* name, std::span<const std::byte> bytes) {
  // OpenSSL only reads it; its type has no const.
  return OSSL_PARAM_construct_octet_string(name, const_cast<unsigned char*>(to_openssl(bytes)),
                                           bytes.size());
}

}  // namespace

void hkdf_sha256(std::span<const std::byte> key, std::span<const std::byte> salt,
                 std::span<const std::byte> info, std::span<std::byte> out) {
  const EvpKdfContext context(EVP_KDF_CTX_new(hkdf()));
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 5> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      octets(OSSL_KDF_PARAM_KEY, key), octets(OSSL_KDF_PARAM_SALT, salt),
      octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
  FENNEC_CHECK(context != nullptr &&
               EVP_KDF_derive(context.get(), to_openssl(out), out.size(), params.data()) == 1);
}

SecretKey hkdf_key(std::span<const std::byte> key, std::span<const std::byte> salt,
                   std::span<const std::byte> info) {
  SecretKey out;
  hkdf_sha256(key, salt, info, out.bytes());
  return out;
}

}  // namespace fennec
