#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "privacy/secagg_graph.h"
#include "privacy/secagg_messages.h"

namespace fennec {

/// What the server knows of a session, from phase to phase. It never holds more of a client than its
/// signed public keys, sealed shares in transit, a masked vector already added up, and one share a
/// secret.
struct SecAggSession {
  struct ShareHashes {
    ShareHash self{}, mask{};
  };

  SecAggParams params;
  Roster roster;
  SigningKey key;
  SecAggContext context;                                   ///< sid; the root once adverts are in
  std::vector<std::uint32_t> asked;                        ///< the cohort, ascending uid
  std::vector<std::uint32_t> members, sharers, survivors;  ///< U1, U2, U3, ascending
  std::vector<Advert> adverts;                             ///< by rank in members
  std::optional<MaskGraph> graph;
  MemberBitmap sharers_bitmap;
  Sha256Digest survivors_hash{};
  std::map<std::uint32_t, std::map<std::uint32_t, ShareHashes>> hashes;  ///< owner → holder
  std::set<std::uint32_t> gone;    ///< nobody waits for them any more
  std::vector<std::uint32_t> sum;  ///< ring elements; masked until the end

  std::uint32_t rank(std::uint32_t uid) const { return *rank_of(members, uid); }
  const Advert& advert(std::uint32_t uid) const { return adverts[rank(uid)]; }
  std::vector<std::uint32_t> neighbours(std::uint32_t uid) const;  ///< uids, ascending
  /// Those of the neighbours in a set such as `sharers`.
  std::vector<std::uint32_t> neighbours_in(std::uint32_t uid, std::span<const std::uint32_t> set) const;
  std::vector<std::byte> seal(SecAggStep step, std::uint32_t to,
                              std::span<const std::byte> payload) const {
    return seal_frame(step, context.sid, to, payload, key);
  }
};

}  // namespace fennec
