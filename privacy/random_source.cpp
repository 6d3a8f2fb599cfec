#include "privacy/random_source.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace fennec {

namespace {

unsigned char* bytes_of(std::byte* data) { return reinterpret_cast<unsigned char*>(data); }
const unsigned char* bytes_of(const std::byte* data) {
  return reinterpret_cast<const unsigned char*>(data);
}

}  // namespace

SystemRandom::SystemRandom() : generator_(RAND_bytes) {}

void SystemRandom::fill(std::span<std::byte> out) {
  constexpr std::size_t kMost = std::numeric_limits<int>::max();
  while (!out.empty()) {
    const std::size_t part = std::min(out.size(), kMost);
    if (generator_(bytes_of(out.data()), static_cast<int>(part)) != 1)
      throw IoError("the system's random generator failed: no noise, no release");
    out = out.subspan(part);
  }
}

SecretKey random_key() {
  SecretKey key;
  SystemRandom().fill(key.bytes());
  return key;
}

struct KeyedRandom::State {
  EVP_CIPHER_CTX* cipher = EVP_CIPHER_CTX_new();
  ~State() { EVP_CIPHER_CTX_free(cipher); }  // wipes the key schedule
};

KeyedRandom::KeyedRandom(const SecretKey& key, std::string_view label)
    : state_(std::make_unique<State>()) {
  SecretKey derived;
  unsigned int size = 0;
  const unsigned char* made =
      HMAC(EVP_sha256(), key.bytes().data(), static_cast<int>(key.bytes().size()),
           reinterpret_cast<const unsigned char*>(label.data()), label.size(),
           bytes_of(derived.bytes().data()), &size);
  const std::array<unsigned char, 16> counter{};
  const bool ready =
      state_->cipher != nullptr && made != nullptr && size == derived.bytes().size() &&
      EVP_EncryptInit_ex(state_->cipher, EVP_aes_256_ctr(), nullptr,
                         bytes_of(std::as_const(derived).bytes().data()), counter.data()) == 1;
  if (!ready) throw IoError("OpenSSL cannot set up AES-256-CTR");
}

KeyedRandom::~KeyedRandom() = default;

void KeyedRandom::fill(std::span<std::byte> out) {
  constexpr std::size_t kMost = 1 << 20;
  std::fill(out.begin(), out.end(), std::byte{0});  // encrypted zeros are the keystream
  while (!out.empty()) {
    const std::size_t part = std::min(out.size(), kMost);
    int written = 0;
    if (EVP_EncryptUpdate(state_->cipher, bytes_of(out.data()), &written, bytes_of(out.data()),
                          static_cast<int>(part)) != 1 ||
        static_cast<std::size_t>(written) != part)
      throw IoError("OpenSSL: AES-256-CTR failed");
    out = out.subspan(part);
  }
}

void SeededRandom::fill(std::span<std::byte> out) {
  for (std::size_t i = 0; i < out.size(); i += 4) {
    const std::uint32_t word = stream_.next_u32();
    for (std::size_t lane = 0; lane < 4 && i + lane < out.size(); ++lane)
      out[i + lane] = static_cast<std::byte>(word >> (8 * lane));
  }
}

RandomBytes::~RandomBytes() { OPENSSL_cleanse(buffer_.data(), buffer_.size()); }

void RandomBytes::refill() {
  source_.fill(buffer_);
  used_ = 0;
}

}  // namespace fennec
