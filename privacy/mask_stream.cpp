#include "privacy/mask_stream.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/error.h"
#include "privacy/evp_handles.h"

namespace fennec {
namespace {

static_assert(std::endian::native == std::endian::little, "keystream words are little-endian");

constexpr std::size_t kKeystreamWords = 2048;  // 8 KiB of keystream: stays in the first-level cache

using Tile = std::array<std::uint32_t, kKeystreamWords>;
alignas(64) constexpr Tile kZeros{};

const EVP_CIPHER* cipher_of(MaskSuite suite) {
  static const EvpCipher aes(EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr));
  static const EvpCipher chacha(EVP_CIPHER_fetch(nullptr, "ChaCha20", nullptr));
  FENNEC_CHECK(is_known(suite) && aes != nullptr && chacha != nullptr);
  return suite == MaskSuite::kAes256Ctr ? aes.get() : chacha.get();
}

void keystream(EVP_CIPHER_CTX* context, std::span<std::uint32_t> out) {
  int written = 0;
  const int size = static_cast<int>(out.size_bytes());
  FENNEC_CHECK(EVP_EncryptUpdate(context, reinterpret_cast<unsigned char*>(out.data()), &written,
                                 reinterpret_cast<const unsigned char*>(kZeros.data()), size) == 1 &&
               written == size);
}

/// Calls `use(part of data, keystream words)` tile by tile.
template <class Use>
void each_tile(EVP_CIPHER_CTX* context, std::span<std::uint32_t> data, Use use) {
  alignas(64) Tile tile;
  while (!data.empty()) {
    const std::size_t n = std::min(kKeystreamWords, data.size());
    keystream(context, std::span(tile).first(n));
    use(data.first(n).data(), tile.data(), n);
    data = data.subspan(n);
  }
  wipe(std::as_writable_bytes(std::span(tile)));
}

}  // namespace

bool is_known(MaskSuite suite) {
  return suite == MaskSuite::kAes256Ctr || suite == MaskSuite::kChaCha20;
}

void MaskStream::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

MaskStream::MaskStream(MaskSuite suite, const SecretKey& seed) : context_(EVP_CIPHER_CTX_new()) {
  constexpr std::array<std::byte, 16> kIv{};
  FENNEC_CHECK(context_ != nullptr &&
               EVP_EncryptInit_ex2(context_.get(), cipher_of(suite), to_openssl(seed.bytes()),
                                   to_openssl(kIv), nullptr) == 1);
}
MaskStream::~MaskStream() = default;
MaskStream::MaskStream(MaskStream&&) noexcept = default;
MaskStream& MaskStream::operator=(MaskStream&&) noexcept = default;

void MaskStream::expand(std::span<std::uint32_t> out) {
  while (!out.empty()) {
    const std::size_t n = std::min(kKeystreamWords, out.size());
    keystream(context_.get(), out.first(n));
    out = out.subspan(n);
  }
}

void MaskStream::add_to(std::span<std::uint32_t> sum) {
  each_tile(context_.get(), sum, [](std::uint32_t* to, const std::uint32_t* mask, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) to[i] += mask[i];
  });
}

void MaskStream::subtract_from(std::span<std::uint32_t> sum) {
  each_tile(context_.get(), sum, [](std::uint32_t* to, const std::uint32_t* mask, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) to[i] -= mask[i];
  });
}

}  // namespace fennec
