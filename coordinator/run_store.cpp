#include "coordinator/run_store.h"

#include <set>

#include "coordinator/evaluation_pool.h"
#include "coordinator/secure_commit.h"
#include "core/error.h"
#include "core/log.h"

namespace fennec {

namespace fs = std::filesystem;

RunStore::RunStore(const RunDirectory& run, StepHook before_step)
    : experiment_(run.load_experiment()),
      before_step_(std::move(before_step)),
      ledger_(run.ledger()),
      adapters_(AdapterStore::open(run.adapters(), ledger_.layout())),
      updates_(run.updates()),
      updates_dir_(run.updates()),
      aggregator_(make_aggregator(experiment_.aggregation)),
      optimizer_(make_server_optimizer(experiment_.aggregation)),
      downlink_(experiment_),
      noise_keys_(run.keys()) {
  if (ledger_.identity().experiment_hash != experiment_hash(experiment_))
    throw IoError(run.experiment().string() +
                  ": was changed since `init`; a run keeps its experiment (make a new run instead)");
  remove_orphans();
  if (experiment_.privacy.dp.is_on())
    privacy_ = privacy_account(experiment_, ledger_.privacy_releases());
  const AdapterVersion version = ledger_.latest();
  adapter_ = adapters_.read(version);
  std::vector<ParameterSet> moments = adapters_.read_moments(version);
  if (moments.empty()) return;  // a server optimizer without state, or one that has not stepped yet
  if (const Result<void> restored = optimizer_->restore(std::move(moments)); !restored)
    throw IoError(adapters_.directory(version).string() +
                  ": server optimizer state: " + restored.error().message);
}

// What is on disk but not in the ledger never happened.
void RunStore::remove_orphans() {
  const RoundId committed{ledger_.latest().value};
  noise_keys_.forget(committed);  // of the commit a crash came right after
  adapters_.remove_after(AdapterVersion{committed.value});
  std::set<std::pair<RoundId, ClientId>> known;
  const RoundId open{committed.value + 1};
  for (const auto& [client, offer] : ledger_.updates(open)) {
    if (updates_.holds(open, client, offer.payload_sha256)) {
      known.emplace(open, client);
      continue;
    }
    log::warn("client {}: its stored update of round {} is missing or damaged; it is asked again",
              client.name, open.value);
    ledger_.update_dropped(open, client);
  }
  for (const auto& [round, client] : updates_.list())
    if (!known.contains({round, client})) updates_.erase(round, client);
  if (!fs::exists(updates_dir_)) return;
  std::vector<fs::path> torn;  // temporary files of writes that did not finish
  for (const auto& entry : fs::recursive_directory_iterator(updates_dir_))
    if (entry.is_regular_file() && entry.path().filename().string().starts_with('.'))
      torn.push_back(entry.path());
  for (const fs::path& file : torn) fs::remove(file);
}

void RunStore::round_opened(RoundId round, const std::vector<ClientId>& cohort) {
  // What devices noise themselves the coordinator sees as soon as it comes: spent before they are
  // asked.
  if (privacy_ && privacy_->config().is_local()) spend(round, "", privacy_->config().clip_norm);
  step("record round");
  ledger_.round_opened(round, cohort);
}

void RunStore::sum_opened(RoundId round, std::int64_t opening) {
  if (privacy_ && privacy_->config().is_distributed())
    spend(round, sum_label(opening), privacy_->config().clip_norm);
}

void RunStore::spend(RoundId round, const std::string& contributors, double next_clip_norm) {
  PrivacyAccount after = *privacy_;
  const PrivacyRelease line = after.spend(round, contributors, next_clip_norm);
  step("record privacy");
  ledger_.privacy_spent(line);
  *privacy_ = std::move(after);
}

std::unique_ptr<PrivateMean> RunStore::private_mean(RoundId round, const std::string& contributors) {
  if (!privacy_ || !privacy_->config().is_central()) return nullptr;
  step("write noise key");
  return std::make_unique<PrivateMean>(privacy_->config(), privacy_->expected_cohort(),
                                       privacy_->clip_norm(round),
                                       noise_keys_.noise(round, contributors));
}

void RunStore::store_update(const ClientId& client, const UpdateOffer& offer,
                            std::span<const std::byte> bytes) {
  const RoundId open{ledger_.latest().value + 1};
  step("write update");
  updates_.put(open, client, bytes);
  step("record update");
  ledger_.update_stored(open, client, offer);
}

std::optional<RoundRecord> RunStore::commit(const CommitRound& action, std::int64_t bytes_down,
                                            std::vector<RejectedUpdate> rejected) {
  std::map<ClientId, UpdateOffer> contributors;
  for (const auto& [client, offer] : ledger_.updates(action.round)) contributors.emplace(client, offer);
  std::set<ClientId> wanted(action.contributors.begin(), action.contributors.end());
  std::erase_if(contributors, [&](const auto& entry) { return !wanted.contains(entry.first); });
  const std::string digest = contributors_digest(contributors);
  const std::unique_ptr<PrivateMean> noised = private_mean(action.round, digest);
  Aggregator& aggregator = noised ? *noised : *aggregator_;
  if (contributors.empty() && !aggregator.releases_nothing_received())
    return std::nullopt;  // each was revoked since the engine asked
  step("fold");
  Commit commit = commit_round(action.round, adapter_, contributors, updates_, aggregator, *optimizer_,
                               travel_of(experiment_.aggregation));
  for (const auto& [client, error] : commit.dropped) {
    log::warn("client {}: its update of round {} is not folded: {}", client.name, action.round.value,
              error.message);
    ledger_.update_dropped(action.round, client);
    updates_.erase(action.round, client);
  }
  RoundRecord& record = commit.record;
  if (commit.empty) return std::nullopt;
  if (noised) spend(action.round, digest, noised->next_clip_norm());
  if (privacy_) record.epsilon = privacy_->releases().back().epsilon;
  record.bytes_down = bytes_down;
  record.rejected = std::move(rejected);
  for (const auto& [client, error] : commit.dropped) record.rejected.push_back({client, error.message});
  record.wall_s = action.wall_s;
  RoundRecord kept = keep(std::move(commit));
  step("erase updates");
  noise_keys_.forget(action.round);
  for (const auto& [client, offer] : contributors) updates_.erase(action.round, client);
  for (const auto& [round, client] : updates_.list())
    if (round <= action.round) updates_.erase(round, client);
  return kept;
}

std::optional<RoundRecord> RunStore::commit(const CommitSums& action, std::int64_t bytes_down,
                                            std::vector<RejectedUpdate> rejected) {
  step("fold");
  Commit commit = commit_sums(action.round, adapter_, action.sums, *aggregator_, *optimizer_,
                              travel_of(experiment_.aggregation));
  if (commit.empty) return std::nullopt;
  if (privacy_) commit.record.epsilon = privacy_->paid_for(action.round);
  commit.record.bytes_up = action.bytes_up;
  commit.record.bytes_down = bytes_down + action.bytes_down;
  commit.record.rejected = std::move(rejected);
  commit.record.wall_s = action.wall_s;
  return keep(std::move(commit));
}

RoundRecord RunStore::keep(Commit commit) {
  downlink_.finish(commit, adapter_, *optimizer_);
  RoundRecord& record = commit.record;
  record.reopened = ledger_.reopened(record.round);
  step("write adapter");
  const AdapterStore::Stored stored =
      adapters_.write(record.version, commit.adapter, optimizer_->state(), commit.step);
  record.adapter_bytes = stored.bytes;
  record.adapter_sha256 = stored.sha256;
  step("record commit");
  ledger_.round_committed(record);
  adapter_ = std::move(commit.adapter);
  return std::move(commit.record);
}

EvaluationRecord RunStore::evaluated(const RecordEvaluation& evaluation) {
  const EvaluationRecord pooled = pool_evaluation(evaluation);
  step("record evaluation");
  ledger_.evaluated(pooled, evaluation.reports);
  return pooled;
}

}  // namespace fennec
