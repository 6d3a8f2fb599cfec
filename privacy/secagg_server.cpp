#include "privacy/secagg_server.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace fennec {

Result<std::unique_ptr<SecAggServer>> SecAggServer::create(SecAggOpening opening, SigningKey key,
                                                           const PublicKey& authority,
                                                           Entropy& entropy) {
  Result<Roster> roster = open_roster(opening.roster, authority);
  if (!roster) return tl::unexpected<Error>(roster.error());
  opening.params.roster_epoch = roster->epoch;
  opening.params.roster = roster_hash(opening.roster);
  if (const auto sound = check_params(opening.params); !sound)
    return tl::unexpected<Error>(sound.error());
  std::sort(opening.cohort.begin(), opening.cohort.end());
  if (opening.cohort.size() != opening.params.cohort ||
      std::adjacent_find(opening.cohort.begin(), opening.cohort.end()) != opening.cohort.end())
    return fail(ErrorCode::kMismatch, fmt::format("{} clients are asked, the parameters say {}",
                                                  opening.cohort.size(), opening.params.cohort));
  for (const std::uint32_t uid : opening.cohort)
    if (roster->find(uid) == nullptr)
      return fail(ErrorCode::kMismatch, fmt::format("client {} is not on the roster", uid));
  return std::unique_ptr<SecAggServer>(
      new SecAggServer(std::move(opening), std::move(key), std::move(*roster), entropy));
}

SecAggServer::SecAggServer(SecAggOpening opening, SigningKey key, Roster roster, Entropy& entropy)
    : opening_(std::move(opening)) {
  entropy.fill(nonce_);
  session_.params = opening_.params;
  session_.roster = std::move(roster);
  session_.key = std::move(key);
  session_.asked = opening_.cohort;
  session_.context.sid = session_id(opening_.params, opening_.round, opening_.model, nonce_);
  phase_ = make_advertise_phase(session_);
}

std::vector<SecAggOutgoing> SecAggServer::open() {
  const auto payload =
      encode(OpenMessage{opening_.params, opening_.round, opening_.model, nonce_, opening_.roster});
  std::vector<SecAggOutgoing> out;
  for (const std::uint32_t uid : session_.asked)
    out.push_back({uid, session_.seal(SecAggStep::kOpen, uid, payload)});
  remember(out);
  return out;
}

void SecAggServer::remember(const std::vector<SecAggOutgoing>& sent) {
  for (const SecAggOutgoing& out : sent) last_frame_[out.uid] = out.frame;
}

std::optional<std::vector<std::byte>> SecAggServer::last_frame(std::uint32_t uid) const {
  const auto found = last_frame_.find(uid);
  if (is_over() || found == last_frame_.end()) return std::nullopt;
  return found->second;
}

// ---- what comes in

SecAggServerReaction SecAggServer::handle(std::uint32_t uid, std::span<const std::byte> bytes) {
  SecAggServerReaction reaction;
  const auto fault = [&](std::string what) {
    reaction.faults.push_back({uid, std::move(what)});
    return reaction;
  };
  const Result<SecAggFrame> frame = read_frame(bytes);
  if (!frame) return fault(frame.error().message);
  const RosterEntry* entry = session_.roster.find(uid);
  if (frame->uid != uid || entry == nullptr || !contains(session_.asked, uid))
    return fault("a frame in somebody else's name");
  if (frame->sid != session_.context.sid) return fault("a frame of another session");
  if (!frame->is_signed_by(entry->signing_key)) return fault("a frame with a wrong signature");
  if (is_over()) return reaction;  // late
  // What was signed fixes a kMasked frame's vector, too: its hash is in the payload.
  const Sha256Digest digest = sha256(frame->signed_part);
  if (const auto before = seen_.find({uid, frame->step}); before != seen_.end()) {
    if (before->second == digest) return reaction;
    end({SecAggAbort::kEquivocation, uid,
         fmt::format("client {} sent two different '{}'", uid, to_string(frame->step))},
        reaction);
    return fault("two different messages of one step");
  }
  accept(uid, *frame, reaction);
  return reaction;
}

void SecAggServer::accept(std::uint32_t uid, const SecAggFrame& frame, SecAggServerReaction& reaction) {
  const auto fault = [&](std::string what) { reaction.faults.push_back({uid, std::move(what)}); };
  if (frame.step == SecAggStep::kAbort) {
    const auto message = decode<AbortMessage>(frame.payload);
    fault(fmt::format("gave up: {}", message ? to_string(message->reason) : "unknown"));
    session_.gone.insert(uid);
    return advance_while_complete(reaction);
  }
  if (frame.step < phase_->step()) return;  // late: its phase is closed
  if (frame.step != phase_->step() || !contains(phase_->awaited(), uid))
    return fault(fmt::format("'{}' is not due", to_string(frame.step)));
  const Result<void> taken = phase_->accept(uid, frame);
  if (!taken) fault(taken.error().message);
  if (!phase_->has(uid)) {
    session_.gone.insert(uid);  // it signed nonsense: there is nothing to wait for
  } else {
    seen_.emplace(std::pair{uid, frame.step}, sha256(frame.signed_part));
  }
  advance_while_complete(reaction);
}

SecAggServerReaction SecAggServer::drop(std::uint32_t uid) {
  SecAggServerReaction reaction;
  session_.gone.insert(uid);
  if (!is_over()) advance_while_complete(reaction);
  return reaction;
}

// ---- from phase to phase

bool SecAggServer::everyone_answered() const {
  return std::all_of(phase_->awaited().begin(), phase_->awaited().end(), [&](std::uint32_t uid) {
    return phase_->has(uid) || session_.gone.contains(uid);
  });
}

void SecAggServer::advance_while_complete(SecAggServerReaction& reaction) {
  while (phase_ != nullptr && (phase_->is_satisfied() || everyone_answered())) advance(reaction);
}

SecAggServerReaction SecAggServer::close_phase() {
  SecAggServerReaction reaction;
  if (is_over()) return reaction;
  advance(reaction);
  if (!is_over()) advance_while_complete(reaction);
  return reaction;
}

void SecAggServer::advance(SecAggServerReaction& reaction) {
  SecAggTransition transition = phase_->close();
  if (transition.failure) return end(std::move(*transition.failure), reaction);
  phase_ = std::move(transition.next);
  finished_ = phase_ == nullptr;
  reaction.finished = finished_;
  reaction.advanced = true;
  remember(transition.send);
  for (SecAggOutgoing& out : transition.send) reaction.send.push_back(std::move(out));
}

void SecAggServer::end(SecAggFailure failure, SecAggServerReaction& reaction) {
  phase_.reset();
  std::fill(session_.sum.begin(), session_.sum.end(), 0u);
  session_.sum.clear();
  const auto payload = encode(AbortMessage{failure.reason, failure.culprit});
  for (const std::uint32_t uid : session_.asked)
    reaction.send.push_back({uid, session_.seal(SecAggStep::kAbort, uid, payload)});
  reaction.failure = std::move(failure);
}

// ---- what is known

std::optional<SecAggStep> SecAggServer::awaited_step() const {
  if (is_over()) return std::nullopt;
  return phase_->step();
}

std::size_t SecAggServer::answered() const {
  if (is_over()) return 0;
  const auto& all = phase_->awaited();
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](std::uint32_t uid) { return phase_->has(uid); }));
}

std::size_t SecAggServer::awaited() const { return is_over() ? 0 : phase_->awaited().size(); }

std::span<const std::uint32_t> SecAggServer::sum() const {
  FENNEC_CHECK(finished_, "there is a sum only when the session has finished");
  return session_.sum;
}

Sha256Digest SecAggServer::transcript() const {
  FENNEC_CHECK(finished_);
  ByteWriter text(secagg_label("transcript"));
  text.raw(session_.context.sid);
  text.raw(session_.context.root);
  text.raw(to_bitmap(session_.roster, session_.members));
  text.raw(to_bitmap(session_.roster, session_.survivors));
  text.raw(sha256(std::as_bytes(sum())));
  return sha256(text.bytes());
}

}  // namespace fennec
