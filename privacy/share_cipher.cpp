#include "privacy/share_cipher.h"

#include <algorithm>

#include "privacy/evp_handles.h"

namespace fennec {
namespace {

const EVP_CIPHER* gcm() {
  static const EvpCipher cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  FENNEC_CHECK(cipher != nullptr);
  return cipher.get();
}

int size_of(std::span<const std::byte> bytes) { return static_cast<int>(bytes.size()); }

}  // namespace

std::vector<std::byte> gcm_seal(const SecretKey& key, const GcmNonce& nonce,
                                std::span<const std::byte> associated,
                                std::span<const std::byte> plaintext) {
  const EvpCipherContext context(EVP_CIPHER_CTX_new());
  std::vector<std::byte> sealed(plaintext.size() + kGcmTagBytes);
  const auto tag = std::span(sealed).last(kGcmTagBytes);
  int n = 0;
  const bool done =
      EVP_EncryptInit_ex2(context.get(), gcm(), to_openssl(key.bytes()), to_openssl(nonce), nullptr) ==
          1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &n, to_openssl(associated), size_of(associated)) == 1 &&
      EVP_EncryptUpdate(context.get(), to_openssl(std::span(sealed)), &n, to_openssl(plaintext),
                        size_of(plaintext)) == 1 &&
      n == size_of(plaintext) && EVP_EncryptFinal_ex(context.get(), to_openssl(tag), &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kGcmTagBytes, tag.data()) == 1;
  FENNEC_CHECK(done);
  return sealed;
}

Result<void> gcm_open(const SecretKey& key, const GcmNonce& nonce,
                      std::span<const std::byte> associated, std::span<const std::byte> sealed,
                      std::span<std::byte> plaintext) {
  const EvpCipherContext context(EVP_CIPHER_CTX_new());
  std::array<std::byte, kGcmTagBytes> tag{};
  int n = 0;
  bool right = sealed.size() == plaintext.size() + kGcmTagBytes;
  if (right) {
    const auto body = sealed.first(plaintext.size());
    std::copy(sealed.end() - kGcmTagBytes, sealed.end(), tag.begin());
    right = EVP_DecryptInit_ex2(context.get(), gcm(), to_openssl(key.bytes()), to_openssl(nonce),
                                nullptr) == 1 &&
            EVP_DecryptUpdate(context.get(), nullptr, &n, to_openssl(associated),
                              size_of(associated)) == 1 &&
            EVP_DecryptUpdate(context.get(), to_openssl(plaintext), &n, to_openssl(body),
                              size_of(body)) == 1 &&
            EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kGcmTagBytes, tag.data()) == 1 &&
            EVP_DecryptFinal_ex(context.get(), to_openssl(std::span(tag)), &n) == 1;
  }
  if (right) return {};
  wipe(plaintext);
  return fail(ErrorCode::kMalformed, "the ciphertext was not made with this key for this purpose");
}

}  // namespace fennec
