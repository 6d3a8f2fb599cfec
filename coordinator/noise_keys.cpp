#include "coordinator/noise_keys.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/digest.h"
#include "core/error.h"
#include "core/files.h"

namespace fennec {

namespace fs = std::filesystem;

std::string contributors_digest(const std::map<ClientId, UpdateOffer>& contributors) {
  Sha256 digest;
  for (const auto& [client, offer] : contributors)
    digest.update(fmt::format("{}\n{}\n", client.name, offer.payload_sha256));
  return to_hex(digest.finish());
}

fs::path NoiseKeys::file_of(RoundId round) const {
  return directory_ / fmt::format("noise-{:04}.key", round.value);
}

SecretKey NoiseKeys::read_or_make(const fs::path& file) const {
  SecretKey key;
  if (!fs::exists(file)) {
    key = random_key();
    write_file_atomically(file, key.bytes(), 0600);
    return key;
  }
  std::vector<std::byte> bytes = read_binary_file(file);
  if (bytes.size() != key.bytes().size())
    throw IoError(fmt::format("{}: a key has {} bytes, this file {}", file.string(), key.bytes().size(),
                              bytes.size()));
  std::copy(bytes.begin(), bytes.end(), key.bytes().begin());
  wipe(bytes);
  return key;
}

std::unique_ptr<RandomSource> NoiseKeys::noise(RoundId round, const std::string& contributors) const {
  return std::make_unique<KeyedRandom>(read_or_make(file_of(round)),
                                       fmt::format("noise of round {}: {}", round.value, contributors));
}

void NoiseKeys::forget(RoundId round) const {
  std::error_code ignored;  // there was none
  fs::remove(file_of(round), ignored);
}

SecretKey NoiseKeys::cohort_key() const { return read_or_make(directory_ / "cohort.key"); }

}  // namespace fennec
