#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/client_history.h"
#include "coordinator/client_table.h"
#include "coordinator/cohort_sampler.h"
#include "coordinator/coordinator_config.h"
#include "coordinator/evaluation_round.h"
#include "coordinator/round.h"
#include "coordinator/round_record.h"
#include "coordinator/run_state.h"
#include "coordinator/secure_rounds.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/rng.h"
#include "transport/messages.h"

namespace fennec {

// ---- what happens to the engine

struct ClientArrived {  ///< a Hello that the host has checked (protocol, run, base)
  ClientId client;
  Hello hello;
};
struct ClientLost {
  ClientId client;
};
struct ClientRevoked {
  ClientId client;
};
struct OfferArrived {  ///< before the bytes: may they come?
  ClientId client;
  UpdateOffer offer;
};
struct UpdateArrived {  ///< the bytes came, digest and decoding checked by the host
  ClientId client;
  UpdateOffer offer;
};
struct UpdateStored {  ///< on disk, in the ledger
  ClientId client;
  UpdateOffer offer;
};
struct EvaluationArrived {
  ClientId client;
  EvaluationReport report;
};
struct TrainingFailedArrived {
  ClientId client;
  TrainingFailed failed;
};
struct TimerFired {
  std::uint64_t timer;
};
struct RoundCommitted {  ///< adapter version and record are on disk
  RoundId round;
  AdapterVersion version;
  std::int64_t adapter_bytes;
  std::string adapter_sha256;
  std::vector<ParticipantRecord> participants{};
  StepFile step{};
};
struct CommitFailed {  ///< no contributor was left; the round as the ledger has it now
  RoundId round;
  std::vector<ClientId> cohort;
  std::map<ClientId, UpdateOffer> stored;
};
// Under secure aggregation:
struct DirectoryRead {  ///< before EngineStarted, and whenever it changes
  SecureDirectory directory;
};
struct SecureReadyArrived {
  ClientId client;
  SecureReady ready;
};
struct SecureVectorOffered {  ///< before the bytes: may they come?
  ClientId client;
  SecureVector offer;
};
struct SecureFrameArrived {  ///< in a message or by bulk transfer; not checked
  ClientId client;
  std::vector<std::byte> frame;
};
struct EngineStarted {};
using RoundEvent = std::variant<EngineStarted, ClientArrived, ClientLost, ClientRevoked, OfferArrived,
                                UpdateArrived, UpdateStored, EvaluationArrived, TrainingFailedArrived,
                                TimerFired, RoundCommitted, CommitFailed, DirectoryRead,
                                SecureReadyArrived, SecureVectorOffered, SecureFrameArrived>;

// ---- what the engine asks for

struct SendTo {
  ClientId client;
  Message message;
};
struct RequestUpdate {  ///< fetch the offered bytes by bulk transfer, check them, then UpdateArrived
  ClientId client;
  UpdateOffer offer;
};
struct SetTimer {
  std::uint64_t timer;
  Duration after;
};
struct RecordRoundOpened {  ///< persist before any plan of it is sent
  RoundId round;
  std::vector<ClientId> cohort;
};
struct StoreUpdate {  ///< persist, then UpdateStored
  ClientId client;
  UpdateOffer offer;
};
struct CommitRound {  ///< aggregate the stored updates of these clients, persist, then RoundCommitted;
                      ///< CommitFailed when none is left
  RoundId round;
  std::vector<ClientId> contributors;  ///< ascending
  double wall_s;
};
struct RecordEvaluation {  ///< pooled over clients, weighted
  RoundId after_round;
  AdapterVersion version;
  std::vector<std::pair<ClientId, EvaluationReport>> reports;
};
struct RoundAbandoned {  ///< too few updates at the deadline or at the commit, or secure aggregation
                         ///< ended without a sum; stored ones are kept, the round opens again
  RoundId round;
  std::string reason;
  std::string abort = {};  ///< SecAggAbort of a session that was open; empty = none was
};
struct SendSecureFrame {
  ClientId client;
  RoundId round;
  std::vector<std::byte> frame;
};
struct RequestVector {  ///< fetch the bytes by bulk transfer, then SecureFrameArrived
  ClientId client;
  SecureVector offer;
};
struct NoteSecureFault {  ///< held against the client; the round goes on
  ClientId client;
  RoundId round;
  std::string what;
};
struct RecordSum {  ///< persist, with what privacy it costs, before a frame of its sessions is sent
  RoundId round;
  std::int64_t opening;  ///< of the round: a sum that is tried again is another
};
struct CommitSums {  ///< fold the means, persist, then RoundCommitted; CommitFailed when the adapter
                     ///< would not be finite
  RoundId round;
  std::vector<SecureSum> sums;
  std::int64_t bytes_up, bytes_down;
  double wall_s;
};
struct RunFinished {
  AdapterVersion version;
};
using RoundAction =
    std::variant<SendTo, RequestUpdate, SetTimer, RecordRoundOpened, StoreUpdate, CommitRound,
                 RecordEvaluation, RoundAbandoned, RunFinished, SendSecureFrame, RequestVector,
                 NoteSecureFault, RecordSum, CommitSums>;

enum class EnginePhase { kSelecting, kTraining, kSumming, kAggregating, kEvaluating, kFinished };
std::string_view to_string(EnginePhase phase);

/// The loop over rounds, sans-IO: no socket, thread, file or wall clock inside. The live coordinator
/// and the simulator drive this same class. Each round:
///   1. evaluate the global adapter when due (before the first round, after the last, every
///   evaluate_every);
///   2. select: sample a cohort once cohort_size eligible clients are connected, record it, send the
///   plans;
///   3. train: take each member's update once, acknowledge it only after it is stored;
///   4. commit what is stored when everyone has answered, or at the deadline with enough; else open the
///   round again.
/// With rounds.buffer_size (FedBuff) a round is the filling of a buffer: it commits with so many
/// updates, of this or of earlier plans; whoever is still training goes on and delivers into a later
/// one. Under secure aggregation updates stay on the devices: step 3 waits until they are ready, and
/// step 4 first sums them (round_engine_secure.cpp). The host carries out the returned actions in order
/// and does not send what follows a RecordRoundOpened, RecordSum or RecordEvaluation before that is on
/// disk. Not thread-safe.
class RoundEngine {
 public:
  /// @param seed  Seed(experiment.seed)  @param state  where an earlier life of the coordinator stopped
  /// @param cohorts  with Poisson cohorts a round takes whoever came by its deadline, be it nobody, and
  /// does not open again  @param secure  null: updates come one by one
  RoundEngine(const RoundsConfig& config, std::string experiment_yaml, std::string run_id, Seed seed,
              const Clock& clock, RunState state, CohortRule cohorts = {},
              std::unique_ptr<SecureRounds> secure = nullptr);

  std::vector<RoundAction> handle(const RoundEvent& event);
  /// The open round is the last one; the evaluation after it follows.
  void end_after_open_round() { config_.total = static_cast<int>(round().value); }
  /// Secure sums that may still be begun; the run ends when a round would need another.
  void limit_sums(std::int64_t sums) { sums_left_ = sums; }

  EnginePhase phase() const { return phase_; }
  bool finished() const { return phase_ == EnginePhase::kFinished; }
  RoundId round() const;  ///< the open one, or the next
  const Round* open_round() const { return round_ ? &*round_ : nullptr; }
  const SecureRound* open_sum() const { return sum_.get(); }
  const EvaluationRound* open_evaluation() const { return evaluation_ ? &*evaluation_ : nullptr; }
  const ClientTable& clients() const { return clients_; }

 private:
  void on(const EngineStarted&);
  void on(const ClientArrived& event);
  void on(const ClientLost& event);
  void on(const ClientRevoked& event);
  void on(const OfferArrived& event);
  void on(const UpdateArrived& event);
  void on(const UpdateStored& event);
  void on(const EvaluationArrived& event);
  void on(const TrainingFailedArrived& event);
  void on(const TimerFired& event);
  void on(const RoundCommitted& event);
  void on(const CommitFailed& event);
  void on(const DirectoryRead& event);
  void on(const SecureReadyArrived& event);
  void on(const SecureVectorOffered& event);
  void on(const SecureFrameArrived& event);

  void next_step();  ///< after a start or a commit: evaluate, select or finish
  void start_evaluation();
  void settle_evaluation();
  void select();  ///< opens the next round if enough clients are there
  void open(std::vector<ClientId> cohort, std::map<ClientId, UpdateOffer> stored);
  std::size_t asked() const;  ///< clients a round asks: the cohort, or more when it over-selects
  std::size_t goal() const { return static_cast<std::size_t>(updates_wanted(config_)); }
  void release_stragglers();  ///< of a round that needs nobody else
  // Buffered: there is always an open round, and who is still training when it commits goes on.
  bool is_buffered() const { return config_.buffer_size > 0; }
  void open_buffer();
  void carry_over();                  ///< of a round that commits, into the next
  void join(const ClientId& client);  ///< an idle client takes a free place
  std::size_t free_places() const;
  bool defer(const RoundEvent& event);  ///< while a buffer commits updates wait for the next
  void replay();                        ///< what was deferred
  void resume_round();                  ///< the cohort of an earlier life
  void reopen_round(const std::string& why, const std::string& abort = "");
  void settle_round();  ///< commit or reopen when it is time
  void finish();
  bool out_of_sums() const { return sums_left_ && *sums_left_ <= 0; }
  void redo_secure_round();  ///< after a restart: what its sessions knew is gone
  void start_sum();          ///< every ready member's update is to be summed
  void follow(SecureReaction reaction);
  void abandon_sum(const SecureFailure& failure);

  void send(const ClientId& client, Message message) {
    out_.push_back(SendTo{client, std::move(message)});
  }
  void send_plan(const ClientId& client, PlanKind kind);
  RoundPlan current_plan(const ClientId& client, PlanKind kind) const;  ///< without deadline
  std::uint64_t plan_seed(const ClientId& client, RoundId round, PlanKind kind) const;
  int fewest_updates() const { return secure_ ? secure_->fewest_updates() : config_.min_updates; }
  void send_plans();  ///< to the connected members that are awaited
  bool assign(const ClientId&
                  client);  ///< the open round's or evaluation's plan; false when there is none for it
  void reject(const ClientId& client, const UpdateOffer& offer, const Error& error);
  /// Ok when the offer is to be pursued; otherwise the answer has been sent.
  bool wanted(const ClientId& client, const UpdateOffer& offer);
  double rejoin_after(const ClientId& client) const;  ///< seconds, of one that is not needed now
  void start_deadline() { set_deadline(clock_.now() + from_seconds(config_.deadline_s)); }
  void set_deadline(TimePoint deadline);
  bool deadline_passed() const { return clock_.now() >= deadline_; }
  bool evaluation_due() const;

  RoundsConfig config_;
  std::string experiment_yaml_, run_id_;
  Seed seed_;
  const Clock& clock_;
  RunState state_;
  ClientHistory history_;
  CohortRule cohorts_;
  EnginePhase phase_ = EnginePhase::kSelecting;
  ClientTable clients_;
  std::optional<Round> round_;
  std::map<ClientId, RoundPlan> carried_;  ///< plans of earlier rounds that are still worked on
  std::vector<RoundEvent> deferred_;
  std::optional<EvaluationRound> evaluation_;
  std::unique_ptr<SecureRounds> secure_;
  std::unique_ptr<SecureRound> sum_;  ///< in kSumming
  std::optional<std::int64_t> sums_left_;
  std::uint64_t timer_ = 0;
  TimePoint deadline_{0};
  double round_s_ = 0;  ///< how long the last round of this life took
  std::vector<RoundAction> out_;
};

}  // namespace fennec
