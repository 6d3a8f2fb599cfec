#include "coordinator/round_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "coordinator/pace.h"

namespace fennec {

namespace {
constexpr std::size_t kEveryone = std::numeric_limits<std::size_t>::max();
constexpr double kIdleRetrySeconds =
    5;  // pace of clients while nothing is due and no deadline is known
}  // namespace

std::string_view to_string(EnginePhase phase) {
  switch (phase) {
    case EnginePhase::kSelecting:
      return "waiting for clients";
    case EnginePhase::kTraining:
      return "training";
    case EnginePhase::kSumming:
      return "summing securely";
    case EnginePhase::kAggregating:
      return "aggregating";
    case EnginePhase::kEvaluating:
      return "evaluating";
    case EnginePhase::kFinished:
      return "finished";
  }
  return "unknown";
}

RoundEngine::RoundEngine(const RoundsConfig& config, std::string experiment_yaml, std::string run_id,
                         Seed seed, const Clock& clock, RunState state, CohortRule cohorts,
                         std::unique_ptr<SecureRounds> secure)
    : config_(config),
      experiment_yaml_(std::move(experiment_yaml)),
      run_id_(std::move(run_id)),
      seed_(seed),
      clock_(clock),
      state_(std::move(state)),
      history_(std::move(state_.history)),
      cohorts_(std::move(cohorts)),
      secure_(std::move(secure)) {}

std::vector<RoundAction> RoundEngine::handle(const RoundEvent& event) {
  std::visit([this](const auto& e) { on(e); }, event);
  return std::exchange(out_, {});
}

RoundId RoundEngine::round() const {
  return RoundId{std::min<std::int64_t>(state_.last_committed.value + 1, config_.total)};
}

// ---- the loop over rounds

void RoundEngine::on(const EngineStarted&) { next_step(); }

void RoundEngine::next_step() {
  if (out_of_sums())
    config_.total = std::min(config_.total, static_cast<int>(state_.last_committed.value));
  if (evaluation_due() && !state_.evaluated) {
    phase_ = EnginePhase::kEvaluating;
    // A new run waits for its first clients without a deadline; later there is a cohort that may be
    // gone for good.
    if (state_.last_committed.value > 0)
      start_evaluation();
    else if (clients_.eligible().size() >= static_cast<std::size_t>(clients_wanted(config_)))
      start_evaluation();
  } else if (state_.last_committed.value >= config_.total) {
    finish();
  } else if (!state_.open_cohort.empty()) {
    secure_ ? redo_secure_round() : resume_round();
  } else {
    phase_ = EnginePhase::kSelecting;
    select();
  }
}

bool RoundEngine::evaluation_due() const {
  const std::int64_t done = state_.last_committed.value;
  return done == 0 || done >= config_.total ||
         (config_.evaluate_every > 0 && done % config_.evaluate_every == 0);
}

void RoundEngine::start_evaluation() {
  evaluation_.emplace(state_.last_committed, state_.version);
  start_deadline();
  for (const ClientId& client : clients_.connected()) assign(client);
}

void RoundEngine::settle_evaluation() {
  if (!evaluation_) return;
  const bool complete = evaluation_->everyone_answered() &&
                        evaluation_->asked() >= static_cast<std::size_t>(config_.cohort_size);
  if (!complete && !deadline_passed()) return;
  out_.push_back(RecordEvaluation{state_.last_committed, state_.version, evaluation_->reports()});
  evaluation_.reset();
  state_.evaluated = true;
  next_step();
}

void RoundEngine::select() {
  if (is_buffered()) return open_buffer();
  const std::vector<ClientId> eligible = clients_.eligible();
  if (eligible.size() < static_cast<std::size_t>(clients_wanted(config_))) return;
  const std::vector<Candidate> candidates = clients_.candidates();
  state_.open_cohort =
      cohorts_.poisson
          ? poisson_cohort(eligible, cohorts_, round())
          : select_cohort({candidates, asked(), round(),
                           seed_.child("cohort", static_cast<std::uint64_t>(round().value)), history_,
                           config_.selection});
  state_.openings = 1;
  out_.push_back(RecordRoundOpened{round(), state_.open_cohort});
  resume_round();
}

std::size_t RoundEngine::asked() const {
  return static_cast<std::size_t>(std::ceil(config_.selection.over * config_.cohort_size - 1e-9));
}

void RoundEngine::open(std::vector<ClientId> cohort, std::map<ClientId, UpdateOffer> stored) {
  const bool first_come = is_buffered() || asked() > goal();
  round_.emplace(round(), state_.version, std::move(cohort), std::move(stored), clock_.now(),
                 first_come ? goal() : kEveryone);
  for (const auto& [client, plan] : std::exchange(carried_, {})) round_->carry(client, plan);
}

void RoundEngine::resume_round() {
  phase_ = EnginePhase::kTraining;
  open(state_.open_cohort, std::exchange(state_.stored, {}));
  start_deadline();
  send_plans();
  settle_round();
}

void RoundEngine::settle_round() {
  if (phase_ != EnginePhase::kTraining) return;
  if (round_->cohort().empty() && !cohorts_.poisson) {  // all revoked: nobody to wait for
    round_.reset();
    state_.open_cohort.clear();
    phase_ = EnginePhase::kSelecting;
    return select();
  }
  if (round_->is_storing()) return;  // what is on its way to disk will be acknowledged, so it counts
  const bool whole = is_buffered() && config_.min_updates == 0;  // others may come and fill it
  const bool enough = cohorts_.poisson || (!whole && round_->has_enough(fewest_updates()));
  const bool answered = !is_buffered() && round_->everyone_answered();
  if (round_->has_all() || (enough && (answered || deadline_passed()))) {
    if (secure_) return start_sum();
    phase_ = EnginePhase::kAggregating;
    out_.push_back(
        CommitRound{round_->id(), round_->contributors(), to_seconds(clock_.now() - round_->opened())});
  } else if (deadline_passed()) {
    reopen_round(fmt::format("{} of {} updates at the deadline",
                             round_->stored().size() + round_->all_ready().size(),
                             round_->cohort().size()));
  }
}

void RoundEngine::reopen_round(const std::string& why, const std::string& abort) {
  if (out_of_sums()) {
    out_.push_back(RoundAbandoned{
        round_->id(), why + "; the privacy budget allows no further sum, and the run ends", abort});
    round_.reset();
    state_.open_cohort.clear();
    return next_step();
  }
  out_.push_back(RoundAbandoned{round_->id(), why, abort});
  carried_ = round_->earlier_plans();
  std::set<ClientId> keep;
  for (const ClientId& member : round_->cohort()) {
    const bool present = clients_.contains(member) && !round_->has_failed(member);
    if (present || round_->stored().contains(member)) keep.insert(member);
  }
  state_.open_cohort = round_->cohort();
  if (!cohorts_.poisson)
    state_.open_cohort =
        resample_cohort(round_->cohort(), keep, clients_.eligible(), asked(),
                        seed_.child("cohort", static_cast<std::uint64_t>(round_->id().value), 1));
  state_.stored = round_->stored();
  state_.openings += 1;
  out_.push_back(RecordRoundOpened{round_->id(), state_.open_cohort});
  resume_round();
}

void RoundEngine::on(const RoundCommitted& event) {
  if (phase_ != EnginePhase::kAggregating || event.round != round_->id()) return;
  history_.committed(event.round, event.participants);
  round_s_ = to_seconds(clock_.now() - round_->opened());
  if (is_buffered())
    carry_over();
  else
    release_stragglers();
  round_.reset();
  state_ = RunState{
      event.version, event.adapter_bytes, event.adapter_sha256, event.round, false, {}, {}, {}};
  state_.step = event.step;
  if (evaluation_due()) carried_.clear();  // everyone is asked, and stops training for it
  next_step();
  replay();
}

void RoundEngine::release_stragglers() {
  for (const ClientId& member : round_->cohort())
    if (round_->awaits(member) && !round_->has_failed(member) && clients_.contains(member))
      send(member, Wait{rejoin_after(member)});
}

void RoundEngine::on(const CommitFailed& event) {
  if (phase_ != EnginePhase::kAggregating || event.round != round_->id()) return;
  constexpr const char* kWhy = "no update was left to commit";
  phase_ = EnginePhase::kTraining;
  carried_ = round_->earlier_plans();
  open(event.cohort, event.stored);
  if (!event.cohort.empty()) {
    reopen_round(kWhy);
    return replay();
  }
  out_.push_back(RoundAbandoned{event.round, kWhy});
  settle_round();
  replay();
}

void RoundEngine::finish() {
  phase_ = EnginePhase::kFinished;
  for (const ClientId& client : clients_.connected()) send(client, Finished{state_.version});
  out_.push_back(RunFinished{state_.version});
}

void RoundEngine::on(const TimerFired& event) {
  if (event.timer != timer_ || !deadline_passed()) return;
  if (phase_ == EnginePhase::kSumming) return follow(sum_->expire(clock_.now()));
  if (phase_ == EnginePhase::kEvaluating)
    settle_evaluation();
  else
    settle_round();
}

void RoundEngine::set_deadline(TimePoint deadline) {
  deadline_ = deadline;
  out_.push_back(SetTimer{++timer_, deadline_ - clock_.now()});
}

// ---- clients

void RoundEngine::on(const ClientArrived& event) {
  const ClientId& client = event.client;
  clients_.add(client, event.hello);
  send(client, Welcome{event.hello.protocol, run_id_, experiment_yaml_, state_.version});
  if (phase_ == EnginePhase::kFinished) return send(client, Finished{state_.version});
  const std::size_t before = out_.size();
  const bool waiting =
      phase_ == EnginePhase::kSelecting || (phase_ == EnginePhase::kEvaluating && !evaluation_);
  if (waiting)
    next_step();
  else if (!assign(client) && is_buffered() && phase_ == EnginePhase::kTraining)
    join(client);
  const auto addressed = [&](const RoundAction& action) {
    const auto* sent = std::get_if<SendTo>(&action);
    return sent != nullptr && sent->client == client;
  };
  if (std::any_of(out_.begin() + static_cast<std::ptrdiff_t>(before), out_.end(), addressed)) return;
  send(client, Wait{round_ || evaluation_ ? rejoin_after(client) : kIdleRetrySeconds});
}

double RoundEngine::rejoin_after(const ClientId& client) const {
  const Seed draw = seed_.child("pace", client.name, static_cast<std::uint64_t>(round().value));
  return rejoin_seconds(clients_.candidates().size(), asked(),
                        round_s_ > 0 ? round_s_ : config_.deadline_s,
                        std::max(0.0, to_seconds(deadline_ - clock_.now())), RandomStream(draw));
}

bool RoundEngine::assign(const ClientId& client) {
  if (phase_ == EnginePhase::kEvaluating && evaluation_ && !evaluation_->has_answered(client)) {
    evaluation_->ask(client);
    send_plan(client, PlanKind::kEvaluate);
    return true;
  }
  if (phase_ == EnginePhase::kTraining && (round_->awaits(client) || round_->is_ready(client))) {
    round_->retry(client);  // a client that failed and came back gets another chance
    send_plan(client, PlanKind::kTrain);
    return true;
  }
  if (phase_ == EnginePhase::kSumming)
    if (auto frame = sum_->last_frame(client))
      out_.push_back(SendSecureFrame{client, round_->id(), std::move(*frame)});
  return false;
}

void RoundEngine::send_plans() {
  for (const ClientId& member : std::vector<ClientId>(round_->cohort()))
    if (clients_.contains(member)) assign(member);
}

void RoundEngine::send_plan(const ClientId& client, PlanKind kind) {
  const RoundPlan* earlier = kind == PlanKind::kTrain ? round_->earlier_plan(client) : nullptr;
  RoundPlan plan = earlier != nullptr ? *earlier : current_plan(client, kind);
  plan.deadline_s = std::max(0.0, to_seconds(deadline_ - clock_.now()));
  send(client, plan);
}

RoundPlan RoundEngine::current_plan(const ClientId& client, PlanKind kind) const {
  const RoundId id = kind == PlanKind::kTrain ? round_->id() : state_.last_committed;
  return {id,
          kind,
          state_.version,
          state_.adapter_bytes,
          state_.adapter_sha256,
          plan_seed(client, id, kind),
          0,
          state_.step.bytes,
          state_.step.sha256};
}

std::uint64_t RoundEngine::plan_seed(const ClientId& client, RoundId round, PlanKind kind) const {
  const Seed draws = seed_.child("client_round", client.name, static_cast<std::uint64_t>(round.value));
  // An update that went into a session must not go into another: a device trains it anew.
  const bool again = secure_ && kind == PlanKind::kTrain && state_.openings > 1;
  return again ? draws.child("opening", static_cast<std::uint64_t>(state_.openings)).key()
               : draws.key();
}

void RoundEngine::on(const ClientLost& event) { clients_.remove(event.client); }

void RoundEngine::on(const ClientRevoked& event) {
  clients_.remove(event.client);
  if (phase_ == EnginePhase::kTraining || phase_ == EnginePhase::kSumming) round_->remove(event.client);
  if (evaluation_) evaluation_->remove(event.client);
  if (phase_ == EnginePhase::kSumming) follow(sum_->drop(event.client, clock_.now()));
  settle_evaluation();
  settle_round();
}

void RoundEngine::on(const EvaluationArrived& event) {
  if (!evaluation_) return;
  evaluation_->accept(event.client, event.report);
  settle_evaluation();
}

void RoundEngine::on(const TrainingFailedArrived& event) {
  if (evaluation_ && event.failed.round == state_.last_committed) {
    evaluation_->failed(event.client);
    settle_evaluation();
  } else if (phase_ == EnginePhase::kTraining && event.failed.round == round_->planned(event.client)) {
    round_->failed(event.client);
    settle_round();
  }
}

// ---- updates

void RoundEngine::on(const OfferArrived& event) {
  if (defer(event)) return;
  if (wanted(event.client, event.offer)) out_.push_back(RequestUpdate{event.client, event.offer});
}

void RoundEngine::on(const UpdateArrived& event) {
  if (defer(event)) return;
  if (!wanted(event.client, event.offer)) return;
  round_->storing(event.client, event.offer);
  out_.push_back(StoreUpdate{event.client, event.offer});
}

void RoundEngine::on(const UpdateStored& event) {
  const bool ours = round_ && event.offer.round == round_->planned(event.client);
  if (!ours || !round_->now_stored(event.client)) return;
  send(event.client, UpdateAccepted{event.offer.round, event.offer.payload_sha256});
  settle_round();
}

bool RoundEngine::wanted(const ClientId& client, const UpdateOffer& offer) {
  if (!round_) {
    reject(client, offer,
           Error{ErrorCode::kStale,
                 fmt::format("no round is open, update is of round {}", offer.round.value)});
    return false;
  }
  const Result<OfferVerdict> verdict = round_->judge(client, offer);
  if (!verdict) {
    reject(client, offer, verdict.error());
    return false;
  }
  if (*verdict == OfferVerdict::kStored)
    send(client, UpdateAccepted{offer.round, offer.payload_sha256});
  if (*verdict != OfferVerdict::kWanted) return false;
  if (phase_ != EnginePhase::kAggregating) return true;
  reject(client, offer, Error{ErrorCode::kStale, fmt::format("round {} is closed", offer.round.value)});
  return false;
}

void RoundEngine::reject(const ClientId& client, const UpdateOffer& offer, const Error& error) {
  send(client, UpdateRejected{offer.round, error.code, error.message});
}

}  // namespace fennec
