#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/digest.h"
#include "privacy/secagg_roster.h"

namespace fennec {

/// A set of roster members as it travels: one bit a roster entry, lowest bit first.
using MemberBitmap = std::vector<std::byte>;

MemberBitmap to_bitmap(const Roster& roster, std::span<const std::uint32_t> uids);
/// The uids, ascending. kMalformed when it is not one bit an entry, or a spare bit is set.
Result<std::vector<std::uint32_t>> from_bitmap(const Roster& roster, std::span<const std::byte> bitmap);

/// Position of `uid` in an ascending list: a member's rank.
std::optional<std::uint32_t> rank_of(std::span<const std::uint32_t> members, std::uint32_t uid);
inline bool contains(std::span<const std::uint32_t> members, std::uint32_t uid) {
  return rank_of(members, uid).has_value();
}

/// H(U2), to which every masked vector is bound, and H3, what survivors sign.
Sha256Digest sharers_hash(const Sha256Digest& sid, const Sha256Digest& root,
                          std::span<const std::byte> sharers);
Sha256Digest survivors_hash(const Sha256Digest& sid, const Sha256Digest& root,
                            std::span<const std::byte> sharers, std::span<const std::byte> survivors);

}  // namespace fennec
