#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aggregation/aggregator.h"
#include "configs/experiment.h"
#include "coordinator/adapter_store.h"
#include "coordinator/commit.h"
#include "coordinator/downlink.h"
#include "coordinator/ledger.h"
#include "coordinator/noise_keys.h"
#include "coordinator/privacy_account.h"
#include "coordinator/private_mean.h"
#include "coordinator/run_directory.h"
#include "coordinator/update_store.h"

namespace fennec {

/// Carries out what the round engine wants kept: ledger, adapters and updates of a run directory
/// together, ordered so that a crash between any two steps leaves the old round or the new one. Opening
/// it removes what a crash left behind. One thread at a time (the disk thread).
class RunStore {
 public:
  /// Called with a step's name before it happens; a test throws there to stand for a crash.
  using StepHook = std::function<void(const std::string& step)>;

  explicit RunStore(const RunDirectory& run, StepHook before_step = {});

  Ledger& ledger() { return ledger_; }
  const LayoutPtr& layout() const { return adapters_.layout(); }
  AdapterStore& adapters() { return adapters_; }

  /// Null when privacy.dp.mechanism is off.
  const PrivacyAccount* privacy() const { return privacy_ ? &*privacy_ : nullptr; }
  const NoiseKeys& noise_keys() const { return noise_keys_; }

  void round_opened(RoundId round, const std::vector<ClientId>& cohort);
  /// Before the sessions of a secure sum begin: distributed differential privacy is spent by each.
  /// @param opening  of the round
  void sum_opened(RoundId round, std::int64_t opening);
  void store_update(const ClientId& client, const UpdateOffer& offer, std::span<const std::byte> bytes);
  /// Folds, writes the adapter, then one ledger transaction; the updates' files go last. Nothing when
  /// no contributor is left (revoked meanwhile, or its update cannot be folded): the round must open
  /// again.
  /// @param rejected  while the round was open; those that the commit drops are added
  std::optional<RoundRecord> commit(const CommitRound& action, std::int64_t bytes_down,
                                    std::vector<RejectedUpdate> rejected = {});
  /// The same with sums that secure aggregation opened. Nothing when nothing finite comes of them.
  std::optional<RoundRecord> commit(const CommitSums& action, std::int64_t bytes_down,
                                    std::vector<RejectedUpdate> rejected = {});
  EvaluationRecord evaluated(const RecordEvaluation& evaluation);

 private:
  void step(const std::string& name) const {
    if (before_step_) before_step_(name);
  }
  void remove_orphans();
  RoundRecord keep(Commit commit);  ///< adapter, then the ledger
  std::unique_ptr<PrivateMean> private_mean(RoundId round, const std::string& contributors);
  void spend(RoundId round, const std::string& contributors, double next_clip_norm);

  Experiment experiment_;
  StepHook before_step_;
  Ledger ledger_;
  AdapterStore adapters_;
  DiskUpdateStore updates_;
  std::filesystem::path updates_dir_;
  std::unique_ptr<Aggregator> aggregator_;
  std::unique_ptr<ServerOptimizer> optimizer_;
  Downlink downlink_;
  NoiseKeys noise_keys_;
  std::optional<PrivacyAccount> privacy_;
  ParameterSet adapter_;  ///< the current version
};

}  // namespace fennec
