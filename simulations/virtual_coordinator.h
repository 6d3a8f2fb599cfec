#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aggregation/aggregator.h"
#include "configs/experiment.h"
#include "coordinator/commit.h"
#include "coordinator/downlink.h"
#include "coordinator/privacy_account.h"
#include "coordinator/private_mean.h"
#include "coordinator/round_engine.h"
#include "coordinator/round_record.h"
#include "coordinator/update_store.h"
#include "simulations/event_queue.h"

namespace fennec {

/// What a virtual coordinator reaches through its links, and whom it tells.
struct CoordinatorSurroundings {
  EventQueue& queue;
  std::function<void(const ClientId&, Message)> send;  ///< the other side adds the latency
  std::function<void(const ClientId&, const UpdateOffer&)>
      request;  ///< transfer the offered bytes, then update_arrived()
  std::function<void(const RoundRecord&)> committed;
  std::function<void(const RecordEvaluation&)> evaluated;
  std::function<void(const RoundAbandoned&)> abandoned;
  std::function<void(const ClientId&, RoundId, std::vector<std::byte>)> send_frame;
};

/// The real RoundEngine and the real commit (coordinator/commit.h) over memory instead of disk, on
/// virtual time. Event loop only.
class VirtualCoordinator {
 public:
  /// @param secure  null without secure aggregation
  VirtualCoordinator(const Experiment& experiment, const std::string& run_id, ParameterSet initial,
                     CoordinatorSurroundings around, std::unique_ptr<SecureRounds> secure);

  /// @param directory  empty without secure aggregation
  void start(const SecureDirectory& directory) {
    feed(DirectoryRead{directory});
    feed(EngineStarted{});
  }
  void receive_frame(const ClientId& client, std::vector<std::byte> frame) {
    feed(SecureFrameArrived{client, std::move(frame)});
  }
  void receive(const ClientId& client, const Message& message);
  void lost(const ClientId& client) { feed(ClientLost{client}); }
  /// The bytes of an offer came: checks and decodes them as a live gateway does.
  void update_arrived(const ClientId& client, const UpdateOffer& offer,
                      std::span<const std::byte> bytes);
  /// Null when privacy.dp.mechanism is off.
  const PrivacyAccount* privacy() const { return privacy_ ? &*privacy_ : nullptr; }
  void count_download(std::int64_t bytes) { bytes_down_ += bytes; }

  /// The round that was just committed is the last one.
  void end_early() { engine_.end_after_open_round(); }
  bool finished() const { return engine_.finished(); }
  /// Null when the version is too old to be kept.
  std::shared_ptr<const ParameterSet> adapter(AdapterVersion version) const;
  std::shared_ptr<const ParameterSet> adapter() const { return adapters_.rbegin()->second; }

 private:
  std::unique_ptr<PrivateMean> private_mean(RoundId round) const;
  void feed(RoundEvent event);
  void perform(const SendTo& action);
  void perform(const RequestUpdate& action);
  void perform(const SetTimer& action);
  void perform(const RecordRoundOpened& action);
  void perform(const StoreUpdate& action);
  void perform(const CommitRound& action);
  void perform(const RecordEvaluation& action);
  void perform(const RoundAbandoned& action);
  void perform(const RunFinished& action);
  void perform(const SendSecureFrame& action);
  void perform(const RequestVector& action);
  void perform(const NoteSecureFault& action);
  void perform(const RecordSum& action);
  void perform(const CommitSums& action);
  void committed(Commit commit, double wall_s);

  CoordinatorSurroundings around_;
  Seed seed_;
  std::optional<PrivacyAccount> privacy_;  ///< noise from the seed: accounted for, but not private
  RoundEngine engine_;
  std::unique_ptr<Aggregator> aggregator_;
  std::unique_ptr<ServerOptimizer> optimizer_;
  Downlink downlink_;
  Travel travel_;
  std::size_t versions_kept_;
  RoundId open_;                          ///< the open round
  std::vector<ClientId> cohort_;          ///< of the open round
  std::vector<RejectedUpdate> rejected_;  ///< since the last commit
  std::vector<ReopenedRound> reopened_;   ///< likewise
  MemoryUpdateStore updates_;
  std::map<ClientId, UpdateOffer> stored_;              ///< of the open round
  std::map<ClientId, std::vector<std::byte>> arrived_;  ///< between arrival and storing
  std::map<AdapterVersion, std::shared_ptr<const ParameterSet>> adapters_;  ///< the latest few
  std::deque<RoundEvent> pending_;
  bool feeding_ = false;
  std::int64_t bytes_down_ = 0;  ///< since the last commit
};

}  // namespace fennec
