#include "coordinator/run_store.h"

#include <set>

#include "coordinator/commit.h"
#include "coordinator/evaluation_pool.h"
#include "core/error.h"
#include "core/log.h"

namespace fennec {

namespace fs = std::filesystem;

RunStore::RunStore(const RunDirectory& run, StepHook before_step)
    : experiment_(run.load_experiment()),
      before_step_(std::move(before_step)),
      ledger_(run.ledger()),
      adapters_(run.adapters(), ledger_.layout(), read_peft_directory(run.adapters() / "0000").config),
      updates_(run.updates()),
      updates_dir_(run.updates()),
      aggregator_(make_aggregator(experiment_.aggregation)),
      optimizer_(make_server_optimizer(experiment_.aggregation)) {
  if (ledger_.identity().experiment_hash != experiment_hash(experiment_))
    throw IoError(run.experiment().string() +
                  ": was changed since `init`; a run keeps its experiment (make a new run instead)");
  remove_orphans();
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
  adapters_.remove_after(AdapterVersion{committed.value});
  std::set<std::pair<RoundId, ClientId>> known;
  for (const auto& [client, offer] : ledger_.updates(RoundId{committed.value + 1})) {
    if (updates_.holds(offer.round, client, offer.payload_sha256)) {
      known.emplace(offer.round, client);
      continue;
    }
    log::warn("client {}: its stored update of round {} is missing or damaged; it is asked again",
              client.name, offer.round.value);
    ledger_.update_dropped(offer.round, client);
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
  step("record round");
  ledger_.round_opened(round, cohort);
}

void RunStore::store_update(const ClientId& client, const UpdateOffer& offer,
                            std::span<const std::byte> bytes) {
  step("write update");
  updates_.put(offer.round, client, bytes);
  step("record update");
  ledger_.update_stored(client, offer);
}

std::optional<RoundRecord> RunStore::commit(const CommitRound& action, std::int64_t bytes_down,
                                            std::vector<RejectedUpdate> rejected) {
  std::map<ClientId, UpdateOffer> contributors;
  for (const auto& [client, offer] : ledger_.updates(action.round)) contributors.emplace(client, offer);
  std::set<ClientId> wanted(action.contributors.begin(), action.contributors.end());
  std::erase_if(contributors, [&](const auto& entry) { return !wanted.contains(entry.first); });
  if (contributors.empty()) return std::nullopt;  // each was revoked since the engine asked
  step("fold");
  Commit commit = commit_round(action.round, adapter_, contributors, updates_, *aggregator_,
                               *optimizer_, travel_of(experiment_.aggregation));
  for (const auto& [client, error] : commit.dropped) {
    log::warn("client {}: its update of round {} is not folded: {}", client.name, action.round.value,
              error.message);
    ledger_.update_dropped(action.round, client);
    updates_.erase(action.round, client);
  }
  RoundRecord& record = commit.record;
  if (record.participants.empty()) return std::nullopt;
  step("write adapter");
  const AdapterStore::Stored stored =
      adapters_.write(record.version, commit.adapter, optimizer_->state());
  record.adapter_bytes = stored.bytes;
  record.adapter_sha256 = stored.sha256;
  record.bytes_down = bytes_down;
  record.rejected = std::move(rejected);
  for (const auto& [client, error] : commit.dropped) record.rejected.push_back({client, error.message});
  record.wall_s = action.wall_s;
  step("record commit");
  ledger_.round_committed(record);
  adapter_ = std::move(commit.adapter);
  step("erase updates");
  for (const auto& [client, offer] : contributors) updates_.erase(action.round, client);
  for (const auto& [round, client] : updates_.list())
    if (round <= action.round) updates_.erase(round, client);
  return record;
}

EvaluationRecord RunStore::evaluated(const RecordEvaluation& evaluation) {
  const EvaluationRecord pooled = pool_evaluation(evaluation);
  step("record evaluation");
  ledger_.evaluated(pooled, evaluation.reports);
  return pooled;
}

}  // namespace fennec
