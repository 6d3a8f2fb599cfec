#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "privacy/mask_sum.h"
#include "privacy/secagg_client.h"

namespace fennec {

// ---- M5

SecAggReaction SecAggClient::mask(std::vector<std::uint32_t> vector) {
  FENNEC_CHECK(wants_vector() && vector.size() == open_.params.coding.length());
  std::vector<SignedMask> masks;
  masks.push_back({self_mask_seed(context_, identity_.uid, self_secret_), true});
  for (Neighbour& neighbour : neighbours_)
    if (neighbour.shared)
      masks.push_back({std::move(neighbour.mask_seed), neighbour.uid > identity_.uid});
  apply_masks(open_.params.suite, masks, vector);
  self_secret_ = SecretKey();

  const auto bytes = std::as_bytes(std::span(vector));
  const MaskedMessage message{sharers_hash(context_.sid, context_.root, sharers_bitmap_), vector.size(),
                              sha256(bytes)};
  SecAggReaction reaction;
  reaction.frame = seal(SecAggStep::kMasked, encode(message));
  reaction.frame->insert(reaction.frame->end(), bytes.begin(), bytes.end());
  stage_ = Stage::kMasked;
  return reaction;
}

// ---- M6, M7 → M8

std::optional<SecAggClient::Refusal> SecAggClient::check_survivors(const SurvivorsMessage& message) {
  const auto refusal = [](SecAggAbort reason, std::string why) {
    return Refusal{reason, std::move(why)};
  };
  auto survivors = from_bitmap(roster_, message.survivors);
  if (!survivors) return refusal(SecAggAbort::kMalformed, survivors.error().message);
  if (!std::includes(sharers_.begin(), sharers_.end(), survivors->begin(), survivors->end()))
    return refusal(SecAggAbort::kMalformed, "survivors who had not shared");
  if (!contains(*survivors, identity_.uid))
    return refusal(SecAggAbort::kEquivocation,
                   "this client, which sent its vector, counts as dropped out");
  if (message.hash != survivors_hash(context_.sid, context_.root, sharers_bitmap_, message.survivors))
    return refusal(SecAggAbort::kMalformed, "the hash is not that of the survivors");
  const SecAggParams& p = open_.params;
  const auto members = static_cast<std::uint32_t>(members_.size());
  std::uint32_t least =
      std::max(p.survivors, static_cast<std::uint32_t>(std::ceil((1 - p.dropouts) * members - 1e-9)));
  if (p.mode == SecAggMode::kActive) least = std::max(least, consistency_quorum(members, p.corrupt));
  if (survivors->size() < least)
    return refusal(SecAggAbort::kTooFew,
                   fmt::format("a sum of {} of {} clients, at least {} are needed", survivors->size(),
                               members, least));
  const auto alive = std::count_if(neighbours_.begin(), neighbours_.end(),
                                   [&](const Neighbour& n) { return contains(*survivors, n.uid); });
  if (alive < static_cast<std::ptrdiff_t>(p.threshold))
    return refusal(SecAggAbort::kTooFew, "fewer neighbours survive than shares are needed");
  survivors_ = std::move(*survivors);
  survivors_hash_ = message.hash;
  return std::nullopt;
}

SecAggClient::Reply SecAggClient::on(const SurvivorsMessage& message) {
  if (auto refusal = check_survivors(message)) return tl::unexpected(std::move(*refusal));
  if (open_.params.mode == SecAggMode::kHonestButCurious) return unmask();
  stage_ = Stage::kConsented;
  return seal(SecAggStep::kConsent,
              encode(ConsentMessage{sign_survivors(survivors_hash_, identity_.key)}));
}

SecAggClient::Reply SecAggClient::on(const ProofMessage& proof) {
  const auto refuse = [](std::string why) {
    return tl::unexpected(Refusal{SecAggAbort::kConsistency, std::move(why)});
  };
  for (const ProofMessage::Entry& consent : proof.consents) {
    const RosterEntry* entry = roster_.find(consent.uid);
    if (entry == nullptr || !contains(members_, consent.uid) ||
        !consents(survivors_hash_, consent.signature, entry->signing_key))
      return refuse(fmt::format("the consent of {} is not valid", consent.uid));
  }
  const std::uint32_t quorum =
      consistency_quorum(static_cast<std::uint32_t>(members_.size()), open_.params.corrupt);
  if (proof.consents.size() < quorum)
    return refuse(fmt::format("{} consents, {} are a quorum", proof.consents.size(), quorum));
  return unmask();
}

/// One share a neighbour: of its self secret when its vector is in the sum, else of its mask key. The
/// session is spent before the bytes exist, and its keys are gone when they leave.
std::vector<std::byte> SecAggClient::unmask() {
  FENNEC_CHECK(stage_ == Stage::kMasked || stage_ == Stage::kConsented);
  stage_ = Stage::kSpent;
  UnmaskMessage message;
  for (Neighbour& neighbour : neighbours_) {
    if (!neighbour.shared) continue;
    UnmaskMessage::Entry entry;
    entry.uid = neighbour.uid;
    const bool alive = contains(survivors_, neighbour.uid);
    entry.kind = alive ? ShareKind::kSelfSecret : ShareKind::kMaskKey;
    entry.share = std::move(alive ? neighbour.self_share : neighbour.mask_share);
    message.shares.push_back(std::move(entry));
  }
  wipe_keys();
  return seal(SecAggStep::kUnmask, encode(message));
}

}  // namespace fennec
