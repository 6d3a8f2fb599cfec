#include "simulations/virtual_coordinator.h"

#include <utility>

#include "coordinator/secure_commit.h"
#include "core/digest.h"
#include "core/log.h"

namespace fennec {
namespace {

RoundsConfig affordable_rounds(const Experiment& experiment,
                               const std::optional<PrivacyAccount>& privacy) {
  RoundsConfig rounds = experiment.rounds;
  if (privacy)
    rounds.total = static_cast<int>(privacy->last_affordable_round(RoundId{0}, rounds.total));
  return rounds;
}

/// The simulated cohorts follow from the seed, as all else does.
CohortRule cohort_rule(const Experiment& experiment, Seed seed) {
  CohortRule rule{experiment.privacy.dp.is_poisson(), poisson_rate(experiment), {}};
  SeededRandom(seed.child("cohort_key")).fill(rule.key.bytes());
  return rule;
}

/// A device may still hold a plan of the round before, or, with a buffer, of many before.
std::size_t versions_kept(const RoundsConfig& rounds) {
  return rounds.buffer_size > 0 ? static_cast<std::size_t>(rounds.max_staleness) + 2 : 4;
}

}  // namespace

VirtualCoordinator::VirtualCoordinator(const Experiment& experiment, const std::string& run_id,
                                       ParameterSet initial, CoordinatorSurroundings around,
                                       std::unique_ptr<SecureRounds> secure)
    : around_(std::move(around)),
      seed_(experiment.seed),
      privacy_(privacy_account(experiment, {})),
      engine_(affordable_rounds(experiment, privacy_), to_yaml(experiment), run_id, seed_,
              around_.queue.clock(), RunState{}, cohort_rule(experiment, seed_), std::move(secure)),
      aggregator_(make_aggregator(experiment.aggregation)),
      optimizer_(make_server_optimizer(experiment.aggregation)),
      downlink_(experiment),
      travel_(travel_of(experiment.aggregation)),
      versions_kept_(versions_kept(experiment.rounds)) {
  adapters_.emplace(AdapterVersion{0}, std::make_shared<const ParameterSet>(std::move(initial)));
  if (const auto sums = privacy_ ? privacy_->sums_left() : std::nullopt) engine_.limit_sums(*sums);
}

void VirtualCoordinator::receive(const ClientId& client, const Message& message) {
  if (const auto* hello = std::get_if<Hello>(&message)) return feed(ClientArrived{client, *hello});
  if (const auto* offer = std::get_if<UpdateOffer>(&message)) return feed(OfferArrived{client, *offer});
  if (const auto* report = std::get_if<EvaluationReport>(&message))
    return feed(EvaluationArrived{client, *report});
  if (const auto* failed = std::get_if<TrainingFailed>(&message))
    return feed(TrainingFailedArrived{client, *failed});
  if (const auto* ready = std::get_if<SecureReady>(&message))
    return feed(SecureReadyArrived{client, *ready});
  if (std::holds_alternative<Goodbye>(message)) return feed(ClientLost{client});
}

void VirtualCoordinator::update_arrived(const ClientId& client, const UpdateOffer& offer,
                                        std::span<const std::byte> bytes) {
  const Result<ParameterSet> delta =
      decode_update(offer, bytes, adapter()->layout(), kMostNorm, half_of_round(travel_, offer.round));
  if (!delta) {
    rejected_.push_back({client, delta.error().message});
    return around_.send(client, UpdateRejected{offer.round, delta.error().code, delta.error().message});
  }
  arrived_[client].assign(bytes.begin(), bytes.end());
  feed(UpdateArrived{client, offer});
  arrived_.erase(client);
}

std::shared_ptr<const ParameterSet> VirtualCoordinator::adapter(AdapterVersion version) const {
  const auto found = adapters_.find(version);
  return found == adapters_.end() ? nullptr : found->second;
}

void VirtualCoordinator::feed(RoundEvent event) {
  pending_.push_back(std::move(event));
  if (std::exchange(feeding_, true)) return;  // an action's own event waits for the actions before it
  while (!pending_.empty()) {
    const RoundEvent next = std::move(pending_.front());
    pending_.pop_front();
    for (const RoundAction& action : engine_.handle(next))
      std::visit([this](const auto& a) { perform(a); }, action);
  }
  feeding_ = false;
}

// ---- what the engine asks for

void VirtualCoordinator::perform(const SendTo& action) { around_.send(action.client, action.message); }

void VirtualCoordinator::perform(const RequestUpdate& action) {
  around_.request(action.client, action.offer);
}

void VirtualCoordinator::perform(const SetTimer& action) {
  around_.queue.after(action.after, [this, timer = action.timer] { feed(TimerFired{timer}); });
}

void VirtualCoordinator::perform(const RecordRoundOpened& action) {
  open_ = action.round;
  cohort_ = action.cohort;
  if (privacy_ && privacy_->config().is_local())
    privacy_->spend(action.round, "", privacy_->config().clip_norm);
}

void VirtualCoordinator::perform(const StoreUpdate& action) {
  updates_.put(open_, action.client, arrived_.at(action.client));
  stored_[action.client] = action.offer;
  feed(UpdateStored{action.client, action.offer});
}

std::unique_ptr<PrivateMean> VirtualCoordinator::private_mean(RoundId round) const {
  if (!privacy_ || !privacy_->config().is_central()) return nullptr;
  const Seed noise = seed_.child("central_noise", static_cast<std::uint64_t>(round.value));
  return std::make_unique<PrivateMean>(privacy_->config(), privacy_->expected_cohort(),
                                       privacy_->clip_norm(round),
                                       std::make_unique<SeededRandom>(noise));
}

void VirtualCoordinator::perform(const CommitRound& action) {
  std::map<ClientId, UpdateOffer> contributors;
  for (const ClientId& client : action.contributors) contributors.emplace(client, stored_.at(client));
  const std::unique_ptr<PrivateMean> noised = private_mean(action.round);
  Commit commit = commit_round(action.round, *adapter(), contributors, updates_,
                               noised ? *noised : *aggregator_, *optimizer_, travel_);
  for (const auto& [client, error] : commit.dropped) {
    log::warn("client {}: its update of round {} is not folded: {}", client.name, action.round.value,
              error.message);
    rejected_.push_back({client, error.message});
  }
  if (commit.empty) {
    stored_.clear();
    return feed(CommitFailed{action.round, cohort_, {}});
  }
  if (noised) privacy_->spend(action.round, "", noised->next_clip_norm());
  if (privacy_) commit.record.epsilon = privacy_->releases().back().epsilon;
  for (const auto& [round, client] : updates_.list()) updates_.erase(round, client);
  stored_.clear();
  committed(std::move(commit), action.wall_s);
}

void VirtualCoordinator::perform(const RecordSum& action) {
  if (privacy_ && privacy_->config().is_distributed())
    privacy_->spend(action.round, sum_label(action.opening), privacy_->config().clip_norm);
}

void VirtualCoordinator::perform(const CommitSums& action) {
  Commit commit =
      commit_sums(action.round, *adapter(), action.sums, *aggregator_, *optimizer_, travel_);
  if (commit.empty) return feed(CommitFailed{action.round, cohort_, {}});
  if (privacy_) commit.record.epsilon = privacy_->paid_for(action.round);
  commit.record.bytes_up = action.bytes_up;
  bytes_down_ += action.bytes_down;
  committed(std::move(commit), action.wall_s);
}

void VirtualCoordinator::committed(Commit commit, double wall_s) {
  downlink_.finish(commit, *adapter(), *optimizer_);
  const std::vector<std::byte> file = adapter_file_bytes(commit.adapter);
  commit.record.adapter_bytes = static_cast<std::int64_t>(file.size());
  commit.record.adapter_sha256 = to_hex(sha256(file));
  commit.record.bytes_down = std::exchange(bytes_down_, 0);
  commit.record.wall_s = wall_s;
  commit.record.rejected = std::exchange(rejected_, {});
  commit.record.reopened = std::exchange(reopened_, {});
  adapters_.emplace(commit.record.version,
                    std::make_shared<const ParameterSet>(std::move(commit.adapter)));
  if (adapters_.size() > versions_kept_) adapters_.erase(adapters_.begin());
  feed(RoundCommitted{commit.record.round, commit.record.version, commit.record.adapter_bytes,
                      commit.record.adapter_sha256, commit.record.participants,
                      step_file(commit.step)});
  around_.committed(commit.record);
}

void VirtualCoordinator::perform(const RecordEvaluation& action) { around_.evaluated(action); }

void VirtualCoordinator::perform(const RoundAbandoned& action) {
  reopened_.push_back({action.abort, action.reason});
  around_.abandoned(action);
}

void VirtualCoordinator::perform(const SendSecureFrame& action) {
  around_.send_frame(action.client, action.round, action.frame);
}

void VirtualCoordinator::perform(const RequestVector&) {}  // virtual links carry frames of any size

void VirtualCoordinator::perform(const NoteSecureFault& action) {
  rejected_.push_back({action.client, action.what});
}

void VirtualCoordinator::perform(const RunFinished&) {}

}  // namespace fennec
