#include "privacy/secagg_roster.h"

#include <algorithm>
#include <set>

#include "privacy/secagg_bytes.h"

namespace fennec {
namespace {

constexpr std::size_t kEntryBytes = 4 + 4 + 32 + 32 + 8 + 8 + 4;
constexpr std::array<std::byte, 4> kRosterMagic = {std::byte{'F'}, std::byte{'S'}, std::byte{'R'},
                                                   std::byte{'1'}};

std::string roster_label() { return secagg_label("roster"); }

void write(ByteWriter& out, const RosterEntry& e) {
  out.u32(e.uid);
  out.u32(e.organisation);
  out.raw(e.signing_key);
  out.raw(e.curve_key);
  out.u64(static_cast<std::uint64_t>(e.not_before));
  out.u64(static_cast<std::uint64_t>(e.not_after));
  out.u32(e.flags);
}

RosterEntry read_entry(ByteReader& in) {
  RosterEntry e;
  e.uid = in.u32();
  e.organisation = in.u32();
  e.signing_key = in.array<32>();
  e.curve_key = in.array<32>();
  e.not_before = static_cast<std::int64_t>(in.u64());
  e.not_after = static_cast<std::int64_t>(in.u64());
  e.flags = in.u32();
  return e;
}

/// Ascending uids make duplicates impossible; two uids with one key would be one party with two votes.
bool is_canonical(const Roster& roster) {
  std::set<std::array<std::byte, 32>> signing, curve;
  for (std::size_t i = 0; i < roster.entries.size(); ++i) {
    const RosterEntry& e = roster.entries[i];
    if (i > 0 && e.uid <= roster.entries[i - 1].uid) return false;
    if (!signing.insert(e.signing_key).second || !curve.insert(e.curve_key).second) return false;
  }
  return roster.entries.size() <= kMostRosterEntries;
}

}  // namespace

bool RosterEntry::is_valid_at(std::int64_t now) const {
  return (flags & kRosterRevoked) == 0 && now >= not_before && now < not_after;
}

std::optional<std::size_t> Roster::position(std::uint32_t uid) const {
  const auto found = std::lower_bound(entries.begin(), entries.end(), uid,
                                      [](const RosterEntry& e, std::uint32_t u) { return e.uid < u; });
  if (found == entries.end() || found->uid != uid) return std::nullopt;
  return static_cast<std::size_t>(found - entries.begin());
}

const RosterEntry* Roster::find(std::uint32_t uid) const {
  const auto at = position(uid);
  return at ? &entries[*at] : nullptr;
}

std::vector<std::byte> sign_roster(const Roster& roster, const SigningKey& authority) {
  FENNEC_CHECK(is_canonical(roster));
  ByteWriter out;
  out.raw(kRosterMagic);
  out.u64(roster.epoch);
  out.u32(static_cast<std::uint32_t>(roster.entries.size()));
  for (const RosterEntry& entry : roster.entries) write(out, entry);
  out.raw(authority.sign(roster_label(), out.bytes()));
  return out.take();
}

Result<Roster> open_roster(std::span<const std::byte> signed_roster, const PublicKey& authority) {
  constexpr std::size_t kSignature = std::tuple_size_v<Signature>;
  ByteReader in(signed_roster);
  Roster roster;
  const bool ours = in.array<4>() == kRosterMagic;
  roster.epoch = in.u64();
  const std::size_t count = in.u32();
  if (!ours || !in.ok() || in.left() != count * kEntryBytes + kSignature)
    return fail(ErrorCode::kMalformed, "not a roster");
  roster.entries.reserve(count);
  for (std::size_t i = 0; i < count; ++i) roster.entries.push_back(read_entry(in));
  const Signature signature = in.array<kSignature>();
  const auto text = signed_roster.first(signed_roster.size() - kSignature);
  if (!verify(authority, roster_label(), text, signature))
    return fail(ErrorCode::kNotAdmitted, "the roster is not signed by the pinned authority");
  if (!is_canonical(roster))
    return fail(ErrorCode::kMalformed, "the roster is out of order or holds a uid or key twice");
  return roster;
}

Sha256Digest roster_hash(std::span<const std::byte> signed_roster) { return sha256(signed_roster); }

}  // namespace fennec
