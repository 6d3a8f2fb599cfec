#include "client/outbox.h"

#include "core/digest.h"
#include "core/files.h"
#include "core/log.h"
#include "transport/wire.h"

namespace fennec {

std::filesystem::path Outbox::payload_file(const UpdateOffer& offer) const {
  return dir_ /
         ("update-" + std::to_string(offer.round.value) + "-" + offer.payload_sha256.substr(0, 16));
}

void Outbox::put(const UpdateOffer& offer, std::span<const std::byte> payload) const {
  write_file_atomically(payload_file(offer), payload, 0600);
  write_file_atomically(offer_file(), encode_header(offer),
                        0600);  // last: an offer on disk has its bytes
  for (const auto& entry : std::filesystem::directory_iterator(dir_))
    if (entry.path() != offer_file() && entry.path() != payload_file(offer))
      std::filesystem::remove(entry.path());
}

std::optional<UpdateOffer> Outbox::offer() const {
  if (!std::filesystem::exists(offer_file())) return std::nullopt;
  const auto message = decode_header(read_binary_file(offer_file()));
  if (message)
    if (const auto* offer = std::get_if<UpdateOffer>(&*message); offer != nullptr && payload(*offer))
      return *offer;
  log::warn("{}: the update kept there is damaged; it is made again if it is still wanted",
            dir_.string());
  clear();
  return std::nullopt;
}

std::optional<std::vector<std::byte>> Outbox::payload(const UpdateOffer& offer) const {
  const auto file = payload_file(offer);
  if (!std::filesystem::exists(file)) return std::nullopt;
  std::vector<std::byte> bytes = read_binary_file(file);
  if (to_hex(sha256(bytes)) != offer.payload_sha256) return std::nullopt;
  return bytes;
}

void Outbox::drop(RoundId round) const {
  if (const auto kept = offer(); kept && kept->round == round) clear();
}

void Outbox::clear() const {
  std::filesystem::remove(offer_file());  // first: bytes without an offer are nothing
  for (const auto& entry : std::filesystem::directory_iterator(dir_))
    std::filesystem::remove(entry.path());
}

}  // namespace fennec
