// Rounds under secure aggregation: who is ready, the sessions, and what comes of them.
#include <fmt/format.h>

#include "coordinator/round_engine.h"

namespace fennec {

void RoundEngine::on(const DirectoryRead& event) {
  if (secure_) secure_->update(event.directory);
}

void RoundEngine::on(const SecureReadyArrived& event) {
  const ClientId& client = event.client;
  const bool fits = secure_ && phase_ == EnginePhase::kTraining && event.ready.round == round_->id() &&
                    event.ready.base_version == state_.version &&
                    event.ready.seed == plan_seed(client, round_->id(), PlanKind::kTrain) &&
                    round_->awaits(client);
  if (!fits) return;  // of an earlier opening, too late, or again
  if (secure_->knows(client)) {
    round_->ready(client);
  } else {
    out_.push_back(NoteSecureFault{client, round_->id(),
                                   "has no place on the roster of secure aggregation; enrol it again"});
    round_->failed(client);
  }
  settle_round();
}

void RoundEngine::on(const SecureVectorOffered& event) {
  if (phase_ != EnginePhase::kSumming || event.offer.round != round_->id()) return;
  if (sum_->wants(event.client, event.offer))
    out_.push_back(RequestVector{event.client, event.offer});
  else
    out_.push_back(NoteSecureFault{event.client, round_->id(),
                                   "offered a masked vector that is not due, or of another size"});
}

void RoundEngine::on(const SecureFrameArrived& event) {
  if (phase_ == EnginePhase::kSumming)  // else late: never merged, never answered
    follow(sum_->handle(event.client, event.frame, clock_.now()));
}

void RoundEngine::redo_secure_round() {
  out_.push_back(RoundAbandoned{round(), "the coordinator was restarted"});
  state_.stored.clear();
  state_.openings += 1;
  out_.push_back(RecordRoundOpened{round(), state_.open_cohort});
  resume_round();
}

void RoundEngine::start_sum() {
  auto opened =
      secure_->open(round_->id(), state_.openings, state_.adapter_sha256, round_->all_ready());
  if (!opened) return reopen_round("no session of secure aggregation: " + opened.error().message);
  if (sums_left_) {
    FENNEC_CHECK(*sums_left_ > 0, "a round was opened that may not be summed");
    --*sums_left_;
  }
  out_.push_back(RecordSum{round_->id(), state_.openings});
  sum_ = std::move(*opened);
  phase_ = EnginePhase::kSumming;
  deadline_ = TimePoint::max();
  follow(sum_->open(clock_.now()));
}

void RoundEngine::follow(SecureReaction reaction) {
  const RoundId id = round_->id();
  for (auto& [client, frame] : reaction.send)
    out_.push_back(SendSecureFrame{client, id, std::move(frame)});
  for (auto& [client, what] : reaction.faults)
    out_.push_back(NoteSecureFault{client, id, std::move(what)});
  if (reaction.failure) return abandon_sum(*reaction.failure);
  if (sum_->finished()) {
    phase_ = EnginePhase::kAggregating;
    out_.push_back(CommitSums{id, sum_->sums(), sum_->bytes_up(), sum_->bytes_down(),
                              to_seconds(clock_.now() - round_->opened())});
    sum_.reset();
    return;
  }
  if (const auto next = sum_->next_deadline(); next && *next != deadline_) set_deadline(*next);
}

void RoundEngine::abandon_sum(const SecureFailure& failure) {
  sum_.reset();
  phase_ = EnginePhase::kTraining;
  if (failure.culprit) round_->failed(*failure.culprit);
  const std::string abort{to_string(failure.abort)};
  reopen_round(fmt::format("secure aggregation ended without a sum ({}): {}", abort, failure.why),
               abort);
}

}  // namespace fennec
