#pragma once
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>

namespace fennec {

// OpenSSL's objects with an owner. Included by the privacy/*.cpp that call OpenSSL, by no header.

template <auto Free>
struct EvpFree {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using EvpKey = std::unique_ptr<EVP_PKEY, EvpFree<EVP_PKEY_free>>;
using EvpKeyContext = std::unique_ptr<EVP_PKEY_CTX, EvpFree<EVP_PKEY_CTX_free>>;
using EvpCipher = std::unique_ptr<EVP_CIPHER, EvpFree<EVP_CIPHER_free>>;
using EvpCipherContext = std::unique_ptr<EVP_CIPHER_CTX, EvpFree<EVP_CIPHER_CTX_free>>;
using EvpKdf = std::unique_ptr<EVP_KDF, EvpFree<EVP_KDF_free>>;
using EvpKdfContext = std::unique_ptr<EVP_KDF_CTX, EvpFree<EVP_KDF_CTX_free>>;
using EvpDigestContext = std::unique_ptr<EVP_MD_CTX, EvpFree<EVP_MD_CTX_free>>;

/// The bytes of a span, array or vector, const if they are.
template <class Bytes>
auto to_openssl(Bytes&& bytes) {
  using Byte = std::remove_pointer_t<decltype(std::data(bytes))>;
  static_assert(std::is_same_v<std::remove_const_t<Byte>, std::byte>);
  return reinterpret_cast<
      std::conditional_t<std::is_const_v<Byte>, const unsigned char*, unsigned char*>>(
      std::data(bytes));
}

}  // namespace fennec
