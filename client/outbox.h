#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "transport/messages.h"

namespace fennec {

/// The one finished update that is not acknowledged yet, on disk: offer and encoded delta. Not
/// thread-safe, but put() may run on another thread than the rest while nothing else is called.
class Outbox {
 public:
  explicit Outbox(std::filesystem::path dir) : dir_(std::move(dir)) {}

  /// Kept when it returns, and replaces what was there. Throws IoError.
  void put(const UpdateOffer& offer, std::span<const std::byte> payload) const;
  /// What is kept, when it is whole: a damaged one is removed and logged.
  std::optional<UpdateOffer> offer() const;
  /// The bytes of that offer; nothing when they are not those it names.
  std::optional<std::vector<std::byte>> payload(const UpdateOffer& offer) const;
  void drop(RoundId round) const;  ///< nothing when another round's is kept

 private:
  std::filesystem::path offer_file() const { return dir_ / "offer.cbor"; }
  std::filesystem::path payload_file(const UpdateOffer& offer) const;
  void clear() const;

  std::filesystem::path dir_;
};

}  // namespace fennec
