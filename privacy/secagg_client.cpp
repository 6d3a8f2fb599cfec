#include "privacy/secagg_client.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace fennec {

SecAggClient::SecAggClient(SecAggIdentity identity, SecAggPolicy policy, SecAggMemory memory,
                           std::int64_t now, Entropy& entropy)
    : identity_(std::move(identity)),
      policy_(std::move(policy)),
      memory_(memory),
      now_(now),
      entropy_(entropy) {}

// ---- frames

std::optional<SecAggStep> SecAggClient::expected_step() const {
  switch (stage_) {
    case Stage::kIdle:
      return SecAggStep::kOpen;
    case Stage::kAdvertised:
      return SecAggStep::kCohort;
    case Stage::kShared:
      return SecAggStep::kForward;
    case Stage::kMasked:
      return SecAggStep::kSurvivors;
    case Stage::kConsented:
      return SecAggStep::kProof;
    case Stage::kForwarded:  // the next move is ours
    case Stage::kSpent:
    case Stage::kAborted:
      return std::nullopt;
  }
  return std::nullopt;
}

SecAggReaction SecAggClient::handle(std::span<const std::byte> bytes) {
  const Result<SecAggFrame> frame = read_frame(bytes);
  if (!frame) return ignore(frame.error().message);
  if (frame->uid != identity_.uid) return ignore("a frame for somebody else");
  if (stage_ != Stage::kIdle && frame->sid != context_.sid) return ignore("a frame of another session");
  if (!frame->is_signed_by(identity_.server)) return ignore("a frame the coordinator did not sign");
  if (stage_ == Stage::kAborted) return ignore("the session was aborted");
  const Sha256Digest digest = sha256(frame->signed_part);
  if (const auto before = answered_.find(frame->step); before != answered_.end()) {
    if (before->second.request != digest)
      return abort({SecAggAbort::kEquivocation,
                    fmt::format("a second, different '{}'", to_string(frame->step))});
    SecAggReaction again;  // the identical answer, byte by byte
    again.frame = before->second.frame;
    return again;
  }
  if (frame->step == SecAggStep::kAbort && stage_ != Stage::kIdle) {
    stage_ = Stage::kAborted;
    wipe_keys();
    const auto told = decode<AbortMessage>(frame->payload);
    SecAggReaction over;
    over.abort = told ? told->reason : SecAggAbort::kMalformed;
    over.reason = "the coordinator ended the session";
    return over;
  }
  if (frame->step != expected_step())
    return ignore(fmt::format("'{}' is not due", to_string(frame->step)));
  Reply reply = dispatch(*frame);
  if (!reply) return abort(std::move(reply.error()));
  answered_[frame->step] = Answer{digest, *reply};
  SecAggReaction reaction;
  reaction.frame = std::move(*reply);
  return reaction;
}

SecAggClient::Reply SecAggClient::dispatch(const SecAggFrame& frame) {
  const auto handle_as = [&]<class M>(const M*) -> Reply {
    const Result<M> message = decode<M>(frame.payload);
    if (!message) return tl::unexpected(Refusal{SecAggAbort::kMalformed, message.error().message});
    if constexpr (std::is_same_v<M, OpenMessage>)
      return on(*message, frame);
    else
      return on(*message);
  };
  switch (frame.step) {
    case SecAggStep::kOpen:
      return handle_as(static_cast<OpenMessage*>(nullptr));
    case SecAggStep::kCohort:
      return handle_as(static_cast<CohortMessage*>(nullptr));
    case SecAggStep::kForward:
      return handle_as(static_cast<ForwardMessage*>(nullptr));
    case SecAggStep::kSurvivors:
      return handle_as(static_cast<SurvivorsMessage*>(nullptr));
    case SecAggStep::kProof:
      return handle_as(static_cast<ProofMessage*>(nullptr));
    default:
      return tl::unexpected(Refusal{SecAggAbort::kMalformed, "a step only clients take"});
  }
}

SecAggReaction SecAggClient::ignore(std::string why) {
  ++ignored_;
  SecAggReaction reaction;
  reaction.ignored = true;
  reaction.reason = std::move(why);
  return reaction;
}

SecAggReaction SecAggClient::abort(Refusal refusal) {
  SecAggReaction reaction;
  reaction.abort = refusal.abort;
  reaction.culprit = refusal.culprit;
  reaction.reason = std::move(refusal.why);
  if (stage_ != Stage::kIdle)
    reaction.frame = seal(SecAggStep::kAbort, encode(AbortMessage{refusal.abort, refusal.culprit}));
  stage_ = Stage::kAborted;
  wipe_keys();
  return reaction;
}

SecAggReaction SecAggClient::give_up(SecAggAbort reason, std::string why) {
  return abort({reason, std::move(why)});
}

std::vector<std::byte> SecAggClient::seal(SecAggStep step, std::span<const std::byte> payload) const {
  return seal_frame(step, context_.sid, identity_.uid, payload, identity_.key);
}

void SecAggClient::wipe_keys() {
  share_secret_ = SecretKey();
  mask_secret_ = SecretKey();
  self_secret_ = SecretKey();
  neighbours_.clear();
}

// ---- M0 → M1

std::optional<SecAggClient::Refusal> SecAggClient::check_open(const OpenMessage& open,
                                                              const SecAggFrame& frame) {
  const SecAggParams& p = open.params;
  const auto policy = [](std::string why) { return Refusal{SecAggAbort::kPolicy, std::move(why)}; };
  const auto roster_fault = [](std::string why) {
    return Refusal{SecAggAbort::kRoster, std::move(why)};
  };
  if (session_id(p, open.round, open.model, open.nonce) != frame.sid)
    return policy("the session id is not that of its parameters");
  if (open.round <= memory_.last_round)
    return policy(
        fmt::format("session {} is not after {}, the last one", open.round, memory_.last_round));
  if (const auto sound = check_params(p); !sound) return policy(sound.error().message);
  if (policy_.active && p.mode != SecAggMode::kActive)
    return policy("the consistency round is missing");
  if (p.survivors < policy_.survivors)
    return policy(
        fmt::format("sums of {} clients, this one asks for {}", p.survivors, policy_.survivors));
  if (p.corrupt < policy_.corrupt || p.dropouts > policy_.dropouts)
    return policy("it assumes fewer corrupt or more dropped-out clients than this one accepts");
  if (p.coding.values != policy_.coding.values || p.coding.clip != policy_.coding.clip ||
      p.coding.weighted != policy_.coding.weighted || p.max_weight != policy_.max_weight ||
      p.layout != policy_.layout)
    return policy("the vector is not coded as this client's model is");
  if (p.privacy != policy_.privacy) return policy("other differential privacy than this client's");
  if (open.model != policy_.model) return policy("another global adapter than this client has");
  const Result<Roster> roster = open_roster(open.roster, identity_.authority);
  if (!roster) return roster_fault(roster.error().message);
  if (roster_hash(open.roster) != p.roster || roster->epoch != p.roster_epoch)
    return roster_fault("the roster is not the one the parameters name");
  if (roster->epoch < memory_.roster_epoch)
    return roster_fault(
        fmt::format("roster epoch {} is older than {}", roster->epoch, memory_.roster_epoch));
  const RosterEntry* mine = roster->find(identity_.uid);
  if (mine == nullptr || !mine->is_valid_at(now_) || mine->signing_key != identity_.key.public_key())
    return roster_fault("this client is not on the roster, or its key is not valid now");
  roster_ = *roster;
  return std::nullopt;
}

SecAggClient::Reply SecAggClient::on(const OpenMessage& open, const SecAggFrame& frame) {
  if (auto refusal = check_open(open, frame)) return tl::unexpected(std::move(*refusal));
  X25519KeyPair share_pair = generate_x25519(entropy_), mask_pair = generate_x25519(entropy_);
  self_secret_ = entropy_.key();
  share_secret_ = std::move(share_pair.secret_key);
  mask_secret_ = std::move(mask_pair.secret_key);
  open_ = open;
  context_.sid = frame.sid;
  advert_.share_key = share_pair.public_key;
  advert_.mask_key = mask_pair.public_key;
  advert_.self_commitment = self_secret_commitment(context_.sid, identity_.uid, self_secret_);
  advert_.signature = sign_advert(context_.sid, identity_.uid, advert_, identity_.key);
  memory_ = {open.round, std::max(memory_.roster_epoch, roster_.epoch)};
  stage_ = Stage::kAdvertised;
  return seal(SecAggStep::kAdvertise, encode(AdvertiseMessage{advert_}));
}

}  // namespace fennec
