#include "privacy/entropy.h"

#include <openssl/rand.h>

#include "core/error.h"

namespace fennec {

SecretKey Entropy::key() {
  SecretKey key;
  fill(key.bytes());
  return key;
}

void SystemEntropy::fill(std::span<std::byte> out) {
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  if (RAND_priv_bytes_ex(nullptr, bytes, out.size(), 256) == 1) return;
  wipe(out);
  throw IoError("the system's random generator failed: no keys can be made");
}

void SeededEntropy::fill(std::span<std::byte> out) {
  for (std::byte& b : out) b = static_cast<std::byte>(stream_.next_u32() & 0xFFu);
}

}  // namespace fennec
