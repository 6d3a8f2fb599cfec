#include <map>
#include <set>

#include <fmt/format.h>

#include "privacy/merkle_tree.h"
#include "privacy/secagg_phase.h"

namespace fennec {
namespace {

/// M1 → M2: public keys in; the cohort, its graph and everybody's neighbours out.
class AdvertisePhase final : public SecAggPhase {
 public:
  explicit AdvertisePhase(SecAggSession& session) : session_(session) {}

  SecAggStep step() const override { return SecAggStep::kAdvertise; }
  const std::vector<std::uint32_t>& awaited() const override { return session_.asked; }
  bool has(std::uint32_t uid) const override { return adverts_.contains(uid); }

  Result<void> accept(std::uint32_t uid, const SecAggFrame& frame) override {
    const auto message = decode<AdvertiseMessage>(frame.payload);
    if (!message) return tl::unexpected<Error>(message.error());
    const Advert& advert = message->advert;
    if (!is_signed(session_.context.sid, uid, advert, session_.roster.find(uid)->signing_key))
      return fail(ErrorCode::kMalformed, "public keys with a wrong signature");
    if (is_of_small_order(advert.share_key) || is_of_small_order(advert.mask_key))
      return fail(ErrorCode::kMalformed, "a public key of small order");
    if (advert.share_key == advert.mask_key || keys_.contains(advert.share_key) ||
        keys_.contains(advert.mask_key))
      return fail(ErrorCode::kMalformed, "a public key used twice");
    keys_.insert(advert.share_key);
    keys_.insert(advert.mask_key);
    adverts_.emplace(uid, advert);
    return {};
  }

  SecAggTransition close() override {
    if (adverts_.size() < session_.params.survivors)
      return abort(SecAggAbort::kTooFew,
                   fmt::format("{} of {} clients advertised keys, at least {} are needed",
                               adverts_.size(), session_.asked.size(), session_.params.survivors));
    std::vector<Sha256Digest> leaves;
    for (const auto& [uid, advert] : adverts_) {
      session_.members.push_back(uid);
      session_.adverts.push_back(advert);
      leaves.push_back(advert_leaf(uid, advert));
    }
    const MerkleTree tree(std::move(leaves));
    session_.context.root = tree.root();
    const MemberBitmap members = to_bitmap(session_.roster, session_.members);
    session_.graph.emplace(static_cast<std::uint32_t>(session_.members.size()), session_.params.degree,
                           graph_seed(session_.context.sid, tree.root(), members),
                           session_.context.sid);
    SecAggTransition transition;
    for (const std::uint32_t uid : session_.members)
      transition.send.push_back(
          {uid, session_.seal(SecAggStep::kCohort, uid, encode(cohort_for(uid, members, tree)))});
    transition.next = make_share_phase(session_);
    return transition;
  }

 private:
  CohortMessage cohort_for(std::uint32_t uid, const MemberBitmap& members,
                           const MerkleTree& tree) const {
    CohortMessage message{members, tree.root(), tree.path(session_.rank(uid)), {}};
    for (const std::uint32_t other : session_.neighbours(uid))
      message.neighbours.push_back({other, session_.advert(other), tree.path(session_.rank(other))});
    return message;
  }

  SecAggSession& session_;
  std::map<std::uint32_t, Advert> adverts_;
  std::set<PublicKey> keys_;
};

}  // namespace

std::unique_ptr<SecAggPhase> make_advertise_phase(SecAggSession& session) {
  return std::make_unique<AdvertisePhase>(session);
}

}  // namespace fennec
