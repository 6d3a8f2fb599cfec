#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "privacy/merkle_tree.h"
#include "privacy/secagg_client.h"

namespace fennec {

// ---- M2 → M3

std::optional<SecAggClient::Refusal> SecAggClient::take_neighbour(const CohortMessage::Neighbour& told,
                                                                  std::uint32_t rank) {
  const auto fault = [&](const char* why) {
    return Refusal{SecAggAbort::kRoster, fmt::format("member {}: {}", told.uid, why), told.uid};
  };
  const RosterEntry* entry = roster_.find(told.uid);
  if (entry == nullptr || !entry->is_valid_at(now_)) return fault("its key is not valid now");
  if (!merkle_path_holds(context_.root, advert_leaf(told.uid, told.advert), rank, members_.size(),
                         told.path))
    return fault("its keys are not those the cohort was told");
  if (!is_signed(context_.sid, told.uid, told.advert, entry->signing_key))
    return fault("it did not sign its keys");
  const SecAggPeer for_shares{told.uid, told.advert.share_key},
      for_masks{told.uid, told.advert.mask_key};
  auto keys = share_keys(context_, share_secret_, me_for_shares(), for_shares);
  auto seed = pair_mask_seed(context_, mask_secret_, me_for_masks(), for_masks);
  if (!keys || !seed) return fault("a public key of small order");
  Neighbour neighbour;
  neighbour.uid = told.uid;
  neighbour.rank = rank;
  neighbour.advert = told.advert;
  neighbour.mask_seed = std::move(*seed);
  neighbour.keys = std::move(*keys);
  neighbours_.push_back(std::move(neighbour));
  return std::nullopt;
}

std::optional<SecAggClient::Refusal> SecAggClient::check_cohort(const CohortMessage& cohort) {
  const auto fault = [](std::string why) { return Refusal{SecAggAbort::kRoster, std::move(why)}; };
  auto members = from_bitmap(roster_, cohort.members);
  if (!members) return fault(members.error().message);
  members_ = std::move(*members);
  const SecAggParams& p = open_.params;
  if (members_.size() < p.survivors)
    return Refusal{SecAggAbort::kTooFew,
                   fmt::format("{} members, at least {} are needed", members_.size(), p.survivors)};
  if (members_.size() > p.cohort) return fault("more members than the cohort has");
  const auto rank = rank_of(members_, identity_.uid);
  if (!rank) return fault("this client is not a member");
  rank_ = *rank;
  context_.root = cohort.root;
  if (!merkle_path_holds(context_.root, advert_leaf(identity_.uid, advert_), rank_, members_.size(),
                         cohort.own_path))
    return fault("this client's own keys are not those the cohort was told");
  const MaskGraph graph(static_cast<std::uint32_t>(members_.size()), p.degree,
                        graph_seed(context_.sid, context_.root, cohort.members), context_.sid);
  const std::vector<std::uint32_t> ranks = graph.neighbours(rank_);
  const bool right =
      std::equal(ranks.begin(), ranks.end(), cohort.neighbours.begin(), cohort.neighbours.end(),
                 [&](std::uint32_t r, const auto& told) { return members_[r] == told.uid; });
  if (!right) return fault("the neighbours are not those of the graph");
  if (ranks.size() < p.threshold)
    return Refusal{SecAggAbort::kTooFew, "fewer neighbours than shares are needed"};
  std::set<PublicKey> keys{advert_.share_key, advert_.mask_key};
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const CohortMessage::Neighbour& told = cohort.neighbours[i];
    if (!keys.insert(told.advert.share_key).second || !keys.insert(told.advert.mask_key).second)
      return Refusal{SecAggAbort::kRoster, fmt::format("member {}: a key used twice", told.uid),
                     told.uid};
    if (auto refusal = take_neighbour(told, ranks[i])) return refusal;
  }
  return std::nullopt;
}

SealedShares SecAggClient::seal_for(const Neighbour& to, const ShamirPolynomials& self,
                                    const ShamirPolynomials& mask) const {
  const SecretShare self_share = self.share_at(to.rank + 1), mask_share = mask.share_at(to.rank + 1);
  ByteWriter head;
  head.u32(identity_.uid);
  head.u32(to.uid);
  head.u32(to.rank + 1);
  SecretBytes<kSharePlainBytes> plain;
  auto at = std::copy(head.bytes().begin(), head.bytes().end(), plain.bytes().begin());
  at = std::copy(self_share.bytes().begin(), self_share.bytes().end(), at);
  std::copy(mask_share.bytes().begin(), mask_share.bytes().end(), at);

  const auto associated = share_associated_data(context_, identity_.uid, to.uid, open_.params.degree,
                                                open_.params.threshold);
  const auto sealed = gcm_seal(to.keys.sending, share_nonce(context_.sid, identity_.uid, to.uid),
                               associated, plain.bytes());
  SealedShares out;
  out.peer = to.uid;
  std::copy(sealed.begin(), sealed.end(), out.sealed.begin());
  out.self_hash = share_hash(ShareKind::kSelfSecret, context_.sid, identity_.uid, to.uid, self_share);
  out.mask_hash = share_hash(ShareKind::kMaskKey, context_.sid, identity_.uid, to.uid, mask_share);
  return out;
}

SecAggClient::Reply SecAggClient::on(const CohortMessage& cohort) {
  if (auto refusal = check_cohort(cohort)) return tl::unexpected(std::move(*refusal));
  const int threshold = static_cast<int>(open_.params.threshold);
  const ShamirPolynomials self(self_secret_, threshold, entropy_);
  const ShamirPolynomials mask(mask_secret_, threshold, entropy_);
  SharesMessage message;
  for (Neighbour& neighbour : neighbours_) {
    message.shares.push_back(seal_for(neighbour, self, mask));
    neighbour.keys.sending = SecretKey();  // it has encrypted its one plaintext
  }
  mask_secret_ = SecretKey();  // every seed is derived, every share made
  share_secret_ = SecretKey();
  stage_ = Stage::kShared;
  return seal(SecAggStep::kShares, encode(message));
}

// ---- M4

std::optional<SecAggClient::Refusal> SecAggClient::take_shares(Neighbour& from,
                                                               const SealedShares& sealed) {
  const auto fault = [&](const char* why) {
    return Refusal{SecAggAbort::kShare, fmt::format("member {}: {}", from.uid, why), from.uid};
  };
  const auto associated = share_associated_data(context_, from.uid, identity_.uid, open_.params.degree,
                                                open_.params.threshold);
  SecretBytes<kSharePlainBytes> plain;
  if (!gcm_open(from.keys.receiving, share_nonce(context_.sid, from.uid, identity_.uid), associated,
                sealed.sealed, plain.bytes()))
    return fault("its shares do not open");
  ByteReader in(plain.bytes());
  const std::uint32_t sender = in.u32(), receiver = in.u32(), place = in.u32();
  in.fill(from.self_share.bytes());
  in.fill(from.mask_share.bytes());
  if (sender != from.uid || receiver != identity_.uid || place != rank_ + 1)
    return fault("its shares are somebody else's");
  const bool sound =
      is_canonical(from.self_share) && is_canonical(from.mask_share) &&
      equal_in_constant_time(
          share_hash(ShareKind::kSelfSecret, context_.sid, from.uid, identity_.uid, from.self_share),
          sealed.self_hash) &&
      equal_in_constant_time(
          share_hash(ShareKind::kMaskKey, context_.sid, from.uid, identity_.uid, from.mask_share),
          sealed.mask_hash);
  if (!sound) return fault("its shares are not those the server was told");
  from.shared = true;
  return std::nullopt;
}

SecAggClient::Reply SecAggClient::on(const ForwardMessage& forward) {
  const auto refuse = [](SecAggAbort reason, std::string why) {
    return tl::unexpected(Refusal{reason, std::move(why)});
  };
  auto sharers = from_bitmap(roster_, forward.sharers);
  if (!sharers) return refuse(SecAggAbort::kMalformed, sharers.error().message);
  if (!std::includes(members_.begin(), members_.end(), sharers->begin(), sharers->end()) ||
      !contains(*sharers, identity_.uid))
    return refuse(SecAggAbort::kMalformed, "those who shared are not members, or lack this client");
  if (sharers->size() < open_.params.survivors)
    return refuse(SecAggAbort::kTooFew, fmt::format("{} clients shared, at least {} are needed",
                                                    sharers->size(), open_.params.survivors));
  auto next = forward.shares.begin();
  for (Neighbour& neighbour : neighbours_) {
    if (!contains(*sharers, neighbour.uid)) continue;
    if (next == forward.shares.end() || next->peer != neighbour.uid)
      return refuse(SecAggAbort::kMalformed, "a neighbour's shares are missing");
    if (auto refusal = take_shares(neighbour, *next)) return tl::unexpected(std::move(*refusal));
    ++next;
  }
  if (next != forward.shares.end())
    return refuse(SecAggAbort::kMalformed, "shares of somebody who is no neighbour");
  if (forward.shares.size() < open_.params.threshold)
    return refuse(SecAggAbort::kTooFew, "fewer neighbours are left than shares are needed");
  sharers_ = std::move(*sharers);
  sharers_bitmap_ = forward.sharers;
  stage_ = Stage::kForwarded;
  return std::optional<std::vector<std::byte>>{};
}

}  // namespace fennec
