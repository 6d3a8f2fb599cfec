#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "privacy/ed25519.h"

namespace fennec {

/// One enrolled client as the authority vouches for it.
struct RosterEntry {
  std::uint32_t uid = 0;
  std::uint32_t organisation = 0;
  PublicKey signing_key{};                     ///< Ed25519
  std::array<std::byte, 32> curve_key{};       ///< the transport's public key
  std::int64_t not_before = 0, not_after = 0;  ///< seconds since 1970, UTC; valid in [from, to)
  std::uint32_t flags = 0;                     ///< kRosterRevoked

  bool is_valid_at(std::int64_t now) const;
};
inline constexpr std::uint32_t kRosterRevoked = 1;

/// Who may take part: the list a client trusts, because the authority signed it, and whose epoch never
/// goes back.
struct Roster {
  std::uint64_t epoch = 0;
  std::vector<RosterEntry> entries;  ///< ascending uid

  std::optional<std::size_t> position(std::uint32_t uid) const;
  const RosterEntry* find(std::uint32_t uid) const;  ///< null when absent
};

inline constexpr std::size_t kMostRosterEntries = 100000;

/// The signed file: entries, epoch and the authority's signature. Entries must be in order, with no uid
/// and no key twice (FENNEC_CHECK).
std::vector<std::byte> sign_roster(const Roster& roster, const SigningKey& authority);

/// kMalformed when it is not in canonical form or holds a uid or key twice; kNotAdmitted when the
/// authority did not sign it.
Result<Roster> open_roster(std::span<const std::byte> signed_roster, const PublicKey& authority);

/// SHA-256 of the signed file: names the roster in a session's parameters.
Sha256Digest roster_hash(std::span<const std::byte> signed_roster);

}  // namespace fennec
