#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "privacy/mask_sum.h"
#include "privacy/secagg_phase.h"

namespace fennec {
namespace {

/// Shares of one client's secret, from neighbours in ascending rank.
struct Collected {
  std::vector<std::uint32_t> places;
  std::vector<SecretShare> shares;
};

/// M8 → the sum: t shares open the self secret of each survivor and the mask key of each client that
/// dropped out after it had shared; their masks are taken off.
class UnmaskPhase final : public SecAggPhase {
 public:
  explicit UnmaskPhase(SecAggSession& session) : session_(session) {}

  SecAggStep step() const override { return SecAggStep::kUnmask; }
  const std::vector<std::uint32_t>& awaited() const override { return session_.survivors; }
  bool has(std::uint32_t uid) const override { return answered_.contains(uid); }

  bool is_satisfied() const override {
    return std::all_of(session_.sharers.begin(), session_.sharers.end(), [&](std::uint32_t uid) {
      const auto found = collected_.find(uid);
      return found != collected_.end() && found->second.shares.size() >= session_.params.threshold;
    });
  }

  Result<void> accept(std::uint32_t uid, const SecAggFrame& frame) override {
    auto message = decode<UnmaskMessage>(frame.payload);
    if (!message) return tl::unexpected<Error>(message.error());
    const std::vector<std::uint32_t> owners = session_.neighbours_in(uid, session_.sharers);
    const bool right = std::equal(message->shares.begin(), message->shares.end(), owners.begin(),
                                  owners.end(), [&](const auto& entry, std::uint32_t owner) {
                                    return entry.uid == owner && entry.kind == kind_of(owner);
                                  });
    if (!right) return fail(ErrorCode::kMalformed, "shares that are not the ones asked for");
    answered_.insert(uid);
    std::string wrong;
    for (UnmaskMessage::Entry& entry : message->shares) {
      const auto& told = session_.hashes.at(entry.uid).at(uid);
      const ShareHash expected = entry.kind == ShareKind::kSelfSecret ? told.self : told.mask;
      if (share_hash(entry.kind, session_.context.sid, entry.uid, uid, entry.share) != expected) {
        wrong += fmt::format(" {}", entry.uid);
        continue;
      }
      Collected& of = collected_[entry.uid];
      of.places.push_back(session_.rank(uid) + 1);
      of.shares.push_back(std::move(entry.share));
    }
    if (wrong.empty()) return {};
    return fail(ErrorCode::kMismatch, "wrong shares of" + wrong + "; they are left out");
  }

  SecAggTransition close() override {
    std::vector<SignedMask> masks;
    for (const std::uint32_t uid : session_.sharers) {
      auto secret = open(uid);
      if (!secret)
        return abort(SecAggAbort::kReconstruct,
                     fmt::format("client {}: {}", uid, secret.error().message), uid);
      if (const auto taken = kind_of(uid) == ShareKind::kSelfSecret
                                 ? add_self_mask(uid, *secret, masks)
                                 : add_pair_masks(uid, *secret, masks);
          !taken)
        return abort(SecAggAbort::kReconstruct, taken.error().message, uid);
    }
    apply_masks(session_.params.suite, masks, session_.sum);
    if (const auto sound = check_sum(session_.sum, session_.params.coding,
                                     static_cast<std::uint32_t>(session_.survivors.size()));
        !sound)
      return abort(SecAggAbort::kRange, sound.error().message);
    return {};
  }

 private:
  ShareKind kind_of(std::uint32_t uid) const {
    return contains(session_.survivors, uid) ? ShareKind::kSelfSecret : ShareKind::kMaskKey;
  }

  Result<SecretKey> open(std::uint32_t uid) {
    Collected& of = collected_[uid];
    const std::size_t t = session_.params.threshold;
    if (of.shares.size() < t)
      return fail(ErrorCode::kNotFound,
                  fmt::format("{} shares of its secret, {} are needed", of.shares.size(), t));
    std::vector<const SecretShare*> shares;
    for (std::size_t i = 0; i < t; ++i) shares.push_back(&of.shares[i]);
    of.places.resize(t);
    auto& lagrange = lagrange_[of.places];  // the same survivors around many a client
    if (lagrange.empty()) lagrange = lagrange_at_zero(of.places);
    return reconstruct_secret(shares, lagrange);
  }

  Result<void> add_self_mask(std::uint32_t uid, const SecretKey& secret,
                             std::vector<SignedMask>& masks) const {
    if (self_secret_commitment(session_.context.sid, uid, secret) !=
        session_.advert(uid).self_commitment)
      return fail(ErrorCode::kMismatch,
                  fmt::format("client {} shared another self secret than it committed to", uid));
    masks.push_back({self_mask_seed(session_.context, uid, secret), false});
    return {};
  }

  /// What each surviving neighbour added for the client that is gone, or subtracted.
  Result<void> add_pair_masks(std::uint32_t uid, const SecretKey& mask_key,
                              std::vector<SignedMask>& masks) const {
    const SecAggPeer gone{uid, session_.advert(uid).mask_key};
    if (x25519_public(mask_key) != gone.key)
      return fail(ErrorCode::kMismatch,
                  fmt::format("client {} shared another mask key than it advertised", uid));
    for (const std::uint32_t other : session_.neighbours_in(uid, session_.survivors)) {
      auto seed =
          pair_mask_seed(session_.context, mask_key, gone, {other, session_.advert(other).mask_key});
      if (!seed) return tl::unexpected<Error>(seed.error());
      masks.push_back({std::move(*seed), uid < other});  // `other` subtracted it then
    }
    return {};
  }

  SecAggSession& session_;
  std::set<std::uint32_t> answered_;
  std::map<std::uint32_t, Collected> collected_;
  std::map<std::vector<std::uint32_t>, std::vector<std::uint64_t>> lagrange_;
};

}  // namespace

std::unique_ptr<SecAggPhase> make_unmask_phase(SecAggSession& session) {
  return std::make_unique<UnmaskPhase>(session);
}

}  // namespace fennec
