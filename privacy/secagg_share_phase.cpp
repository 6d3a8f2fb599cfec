#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "privacy/secagg_phase.h"

namespace fennec {
namespace {

/// M3 → M4: sealed shares in, each forwarded to the one neighbour who can open it.
class SharePhase final : public SecAggPhase {
 public:
  explicit SharePhase(SecAggSession& session) : session_(session) {}

  SecAggStep step() const override { return SecAggStep::kShares; }
  const std::vector<std::uint32_t>& awaited() const override { return session_.members; }
  bool has(std::uint32_t uid) const override { return shares_.contains(uid); }

  Result<void> accept(std::uint32_t uid, const SecAggFrame& frame) override {
    auto message = decode<SharesMessage>(frame.payload);
    if (!message) return tl::unexpected<Error>(message.error());
    const std::vector<std::uint32_t> neighbours = session_.neighbours(uid);
    const bool right = std::equal(
        message->shares.begin(), message->shares.end(), neighbours.begin(), neighbours.end(),
        [](const SealedShares& shares, std::uint32_t other) { return shares.peer == other; });
    if (!right) return fail(ErrorCode::kMalformed, "shares that are not one for each neighbour");
    for (const SealedShares& s : message->shares)
      session_.hashes[uid][s.peer] = {s.self_hash, s.mask_hash};
    shares_.emplace(uid, std::move(message->shares));
    return {};
  }

  SecAggTransition close() override {
    if (shares_.size() < session_.params.survivors)
      return abort(SecAggAbort::kTooFew,
                   fmt::format("{} of {} clients shared their secrets, at least {} are needed",
                               shares_.size(), session_.members.size(), session_.params.survivors));
    for (const auto& [uid, shares] : shares_) session_.sharers.push_back(uid);
    session_.sharers_bitmap = to_bitmap(session_.roster, session_.sharers);
    SecAggTransition transition;
    for (const std::uint32_t uid : session_.sharers)
      transition.send.push_back(
          {uid, session_.seal(SecAggStep::kForward, uid, encode(forward_to(uid)))});
    transition.next = make_mask_phase(session_);
    return transition;
  }

 private:
  ForwardMessage forward_to(std::uint32_t uid) const {
    ForwardMessage message{session_.sharers_bitmap, {}};
    for (const std::uint32_t from : session_.neighbours_in(uid, session_.sharers)) {
      const auto& shares = shares_.at(from);
      SealedShares found = *std::find_if(shares.begin(), shares.end(),
                                         [&](const SealedShares& s) { return s.peer == uid; });
      found.peer = from;
      message.shares.push_back(found);
    }
    return message;
  }

  SecAggSession& session_;
  std::map<std::uint32_t, std::vector<SealedShares>> shares_;
};

}  // namespace

std::unique_ptr<SecAggPhase> make_share_phase(SecAggSession& session) {
  return std::make_unique<SharePhase>(session);
}

}  // namespace fennec
