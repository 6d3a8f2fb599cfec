#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "privacy/secagg_phase.h"

namespace fennec {
namespace {

/// M5 → M6: masked vectors in, each added to the sum as it comes and forgotten; the survivors out.
class MaskPhase final : public SecAggPhase {
 public:
  explicit MaskPhase(SecAggSession& session)
      : session_(session),
        sharers_hash_(sharers_hash(session.context.sid, session.context.root, session.sharers_bitmap)) {
    session_.sum.assign(session_.params.coding.length(), 0);
  }

  SecAggStep step() const override { return SecAggStep::kMasked; }
  const std::vector<std::uint32_t>& awaited() const override { return session_.sharers; }
  bool has(std::uint32_t uid) const override { return received_.contains(uid); }

  Result<void> accept(std::uint32_t uid, const SecAggFrame& frame) override {
    const auto message = decode<MaskedMessage>(frame.payload);
    if (!message) return tl::unexpected<Error>(message.error());
    if (message->length != session_.sum.size() || frame.tail.size() != message->length * 4)
      return fail(ErrorCode::kMismatch,
                  fmt::format("a masked vector of {} elements in {} bytes, this session's have {}",
                              message->length, frame.tail.size(), session_.sum.size()));
    if (message->sharers != sharers_hash_)
      return fail(ErrorCode::kMismatch, "a vector masked for another set of clients");
    if (sha256(frame.tail) != message->vector)
      return fail(ErrorCode::kMalformed, "a masked vector that is not the one its sender signed");
    for (std::size_t i = 0; i < session_.sum.size(); ++i) {
      std::uint32_t element = 0;
      std::memcpy(&element, frame.tail.data() + 4 * i, sizeof element);
      session_.sum[i] += element;
    }
    received_.insert(uid);
    return {};
  }

  SecAggTransition close() override {
    const auto least = std::max(
        session_.params.survivors,
        static_cast<std::uint32_t>(std::ceil(
            (1 - session_.params.dropouts) * static_cast<double>(session_.members.size()) - 1e-9)));
    if (received_.size() < least)
      return abort(SecAggAbort::kTooFew, fmt::format("{} of {} masked vectors, at least {} are needed",
                                                     received_.size(), session_.members.size(), least));
    session_.survivors.assign(received_.begin(), received_.end());
    const MemberBitmap survivors = to_bitmap(session_.roster, session_.survivors);
    session_.survivors_hash =
        survivors_hash(session_.context.sid, session_.context.root, session_.sharers_bitmap, survivors);
    SecAggTransition transition;
    const auto payload = encode(SurvivorsMessage{survivors, session_.survivors_hash});
    for (const std::uint32_t uid : session_.survivors)
      transition.send.push_back({uid, session_.seal(SecAggStep::kSurvivors, uid, payload)});
    transition.next = session_.params.mode == SecAggMode::kActive ? make_consistency_phase(session_)
                                                                  : make_unmask_phase(session_);
    return transition;
  }

 private:
  SecAggSession& session_;
  Sha256Digest sharers_hash_;
  std::set<std::uint32_t> received_;
};

}  // namespace

std::unique_ptr<SecAggPhase> make_mask_phase(SecAggSession& session) {
  return std::make_unique<MaskPhase>(session);
}

}  // namespace fennec
