#include "client/outbox.h"

#include <utility>

#include "core/digest.h"
#include "core/files.h"
#include "core/log.h"
#include "transport/wire.h"

namespace fennec {

std::filesystem::path Outbox::payload_file(const UpdateOffer& offer) const {
  return dir_ /
         ("update-" + std::to_string(offer.round.value) + "-" + offer.payload_sha256.substr(0, 16));
}

void Outbox::put(const UpdateOffer& offer, std::vector<std::byte> payload) {
  write_file_atomically(payload_file(offer), payload, 0600);
  write_file_atomically(offer_file(), encode_header(offer),
                        0600);  // last: an offer on disk has its bytes
  for (const auto& entry : std::filesystem::directory_iterator(dir_))
    if (entry.path() != offer_file() && entry.path() != payload_file(offer))
      std::filesystem::remove(entry.path());
  held_ = std::move(payload);
  held_sha256_ = offer.payload_sha256;
}

std::optional<UpdateOffer> Outbox::offer() {
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

const std::vector<std::byte>* Outbox::payload(const UpdateOffer& offer) {
  if (held_sha256_ == offer.payload_sha256) return &held_;
  const auto file = payload_file(offer);
  if (!std::filesystem::exists(file)) return nullptr;
  std::vector<std::byte> bytes = read_binary_file(file);
  if (to_hex(sha256(bytes)) != offer.payload_sha256) return nullptr;
  held_ = std::move(bytes);
  held_sha256_ = offer.payload_sha256;
  return &held_;
}

void Outbox::drop(RoundId round) {
  if (const auto kept = offer(); kept && kept->round == round) clear();
}

void Outbox::clear() {
  held_ = {};
  held_sha256_.clear();
  std::filesystem::remove(offer_file());  // first: bytes without an offer are nothing
  for (const auto& entry : std::filesystem::directory_iterator(dir_))
    std::filesystem::remove(entry.path());
}

}  // namespace fennec
