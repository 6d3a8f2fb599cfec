#include <map>

#include <fmt/format.h>

#include "privacy/secagg_phase.h"

namespace fennec {
namespace {

/// M6 → M7 against a server that lies: survivors sign the set they were shown; a quorum of signatures
/// is shown to all, and nobody opens anything without it.
class ConsistencyPhase final : public SecAggPhase {
 public:
  explicit ConsistencyPhase(SecAggSession& session)
      : session_(session),
        quorum_(consistency_quorum(static_cast<std::uint32_t>(session.members.size()),
                                   session.params.corrupt)) {}

  SecAggStep step() const override { return SecAggStep::kConsent; }
  const std::vector<std::uint32_t>& awaited() const override { return session_.survivors; }
  bool has(std::uint32_t uid) const override { return consents_.contains(uid); }
  bool is_satisfied() const override { return consents_.size() >= quorum_; }

  Result<void> accept(std::uint32_t uid, const SecAggFrame& frame) override {
    const auto message = decode<ConsentMessage>(frame.payload);
    if (!message) return tl::unexpected<Error>(message.error());
    if (!consents(session_.survivors_hash, message->signature, session_.roster.find(uid)->signing_key))
      return fail(ErrorCode::kMalformed, "a signature on another set of survivors");
    consents_.emplace(uid, message->signature);
    return {};
  }

  SecAggTransition close() override {
    if (consents_.size() < quorum_)
      return abort(
          SecAggAbort::kConsistency,
          fmt::format("{} clients signed the survivors, {} are a quorum", consents_.size(), quorum_));
    ProofMessage proof;
    for (const auto& [uid, signature] : consents_) proof.consents.push_back({uid, signature});
    const auto payload = encode(proof);
    SecAggTransition transition;
    for (const std::uint32_t uid : session_.survivors)
      transition.send.push_back({uid, session_.seal(SecAggStep::kProof, uid, payload)});
    transition.next = make_unmask_phase(session_);
    return transition;
  }

 private:
  SecAggSession& session_;
  std::uint32_t quorum_;
  std::map<std::uint32_t, Signature> consents_;
};

}  // namespace

std::unique_ptr<SecAggPhase> make_consistency_phase(SecAggSession& session) {
  return std::make_unique<ConsistencyPhase>(session);
}

}  // namespace fennec
