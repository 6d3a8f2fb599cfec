#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "transport/messages.h"

namespace fennec {

/// The one finished update that is not acknowledged yet, on disk: offer and encoded delta. The bytes
/// are also held in memory, since they are asked for in many parts. Not thread-safe.
class Outbox {
 public:
  explicit Outbox(std::filesystem::path dir) : dir_(std::move(dir)) {}

  /// Kept when it returns, and replaces what was there. Throws IoError.
  void put(const UpdateOffer& offer, std::vector<std::byte> payload);
  /// What is kept, when it is whole: a damaged one is removed and logged.
  std::optional<UpdateOffer> offer();
  /// The bytes of that offer, valid until put() or drop(); null when they are not those it names.
  const std::vector<std::byte>* payload(const UpdateOffer& offer);
  void drop(RoundId round);  ///< nothing when another round's is kept

 private:
  std::filesystem::path offer_file() const { return dir_ / "offer.cbor"; }
  std::filesystem::path payload_file(const UpdateOffer& offer) const;
  void clear();

  std::filesystem::path dir_;
  std::vector<std::byte> held_;  ///< checked: they have the digest below
  std::string held_sha256_;      ///< empty: nothing is held
};

}  // namespace fennec
