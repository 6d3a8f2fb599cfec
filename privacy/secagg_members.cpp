#include "privacy/secagg_members.h"

#include <algorithm>

#include "privacy/secagg_bytes.h"

namespace fennec {

MemberBitmap to_bitmap(const Roster& roster, std::span<const std::uint32_t> uids) {
  MemberBitmap bitmap((roster.entries.size() + 7) / 8);
  for (const std::uint32_t uid : uids) {
    const auto at = roster.position(uid);
    FENNEC_CHECK(at.has_value(), "every member is on the roster");
    bitmap[*at / 8] |= static_cast<std::byte>(1u << (*at % 8));
  }
  return bitmap;
}

Result<std::vector<std::uint32_t>> from_bitmap(const Roster& roster,
                                               std::span<const std::byte> bitmap) {
  if (bitmap.size() != (roster.entries.size() + 7) / 8)
    return fail(ErrorCode::kMalformed, "a set of members of another roster");
  std::vector<std::uint32_t> uids;
  for (std::size_t i = 0; i < bitmap.size() * 8; ++i) {
    if ((bitmap[i / 8] & static_cast<std::byte>(1u << (i % 8))) == std::byte{0}) continue;
    if (i >= roster.entries.size())
      return fail(ErrorCode::kMalformed, "a set of members with a spare bit set");
    uids.push_back(roster.entries[i].uid);
  }
  return uids;
}

std::optional<std::uint32_t> rank_of(std::span<const std::uint32_t> members, std::uint32_t uid) {
  const auto found = std::lower_bound(members.begin(), members.end(), uid);
  if (found == members.end() || *found != uid) return std::nullopt;
  return static_cast<std::uint32_t>(found - members.begin());
}

Sha256Digest sharers_hash(const Sha256Digest& sid, const Sha256Digest& root,
                          std::span<const std::byte> sharers) {
  ByteWriter text(secagg_label("u2"));
  text.raw(sid);
  text.raw(root);
  text.raw(sharers);
  return sha256(text.bytes());
}

Sha256Digest survivors_hash(const Sha256Digest& sid, const Sha256Digest& root,
                            std::span<const std::byte> sharers, std::span<const std::byte> survivors) {
  ByteWriter text(secagg_label("u3"));
  text.raw(sid);
  text.raw(root);
  text.raw(sharers);
  text.raw(survivors);
  return sha256(text.bytes());
}

}  // namespace fennec
