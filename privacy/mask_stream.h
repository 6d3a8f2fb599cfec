#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "privacy/secret_bytes.h"

struct evp_cipher_ctx_st;  // OpenSSL's EVP_CIPHER_CTX

namespace fennec {

/// Which keystream masks are made of. A wire value.
enum class MaskSuite : std::uint8_t {
  kAes256Ctr = 1,
  kChaCha20 = 2,  ///< for processors without AES instructions
};
bool is_known(MaskSuite suite);

/// The keystream of one seed with IV 0, as little-endian words of the ring Z_2^32. A seed is used for
/// exactly one stream. Calls continue where the last one stopped; split them at multiples of 16 words.
class MaskStream {
 public:
  MaskStream(MaskSuite suite, const SecretKey& seed);
  ~MaskStream();
  MaskStream(MaskStream&&) noexcept;
  MaskStream& operator=(MaskStream&&) noexcept;

  void expand(std::span<std::uint32_t> out);
  void add_to(std::span<std::uint32_t> sum);         ///< sum += next words
  void subtract_from(std::span<std::uint32_t> sum);  ///< sum −= next words

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

}  // namespace fennec
