#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "transport/messages.h"

namespace fennec {

// ---- what happens to the agent

struct LinkUp {};  ///< connected or reconnected
struct LinkDown {};
struct Received {
  Message message;  ///< never a bulk message or a secure frame: the host handles those
};
struct AdapterReady {  ///< fetched (digest checked) or made from the seed
  AdapterVersion version;
};
struct TrainingDone {  ///< encoded delta is in the host's outbox (on disk for a live client)
  UpdateOffer offer;
};
struct SecureTrainingDone {  ///< under secure aggregation: the host holds the update for its session
  SecureReady ready;
};
struct EvaluationDone {
  EvaluationReport report;
};
struct WorkFailed {
  RoundId round;
  Error error;
};
struct AgentTimerFired {
  std::uint64_t timer;
};
using AgentEvent = std::variant<LinkUp, LinkDown, Received, AdapterReady, TrainingDone,
                                SecureTrainingDone, EvaluationDone, WorkFailed, AgentTimerFired>;

// ---- what the agent asks for

struct SendMessage {
  Message message;
};
struct PrepareAdapter {  ///< have plan.version at hand: cache, seed, or bulk transfer; then
                         ///< AdapterReady
  RoundPlan plan;
};
struct StartTraining {  ///< resumes from the checkpoint of this round and version if there is one
  RoundPlan plan;
};
struct StartEvaluation {
  RoundPlan plan;
};
struct CancelWork {};  ///< the round went on without us
struct DropUpdate {    ///< acknowledged, rejected or overtaken: whatever is kept of this round may go
  RoundId round;
};
struct SetAgentTimer {
  std::uint64_t timer;
  Duration after;
};
struct Reconnect {};  ///< close and connect again
struct Stop {
  bool success;
  std::string reason;
};
using AgentAction = std::variant<SendMessage, PrepareAdapter, StartTraining, StartEvaluation,
                                 CancelWork, DropUpdate, SetAgentTimer, Reconnect, Stop>;

/// One client of a run, sans-IO: hello → plan → train or evaluate → offer → acknowledged. The live
/// client and the simulator drive this same class. It survives any loss, repetition or reordering of
/// messages and any number of reconnects: a finished update is offered again, unchanged, until it is
/// accepted, rejected or its round has moved on; a repeated plan starts no second training. Under
/// secure aggregation it says that the update is ready, and the update stays. The host carries out the
/// actions in order. Not thread-safe.
class ClientAgent {
 public:
  /// @param outbox  the update an earlier life of this client finished but did not see acknowledged
  ClientAgent(std::string run_id, Hello hello, const Clock& clock,
              std::optional<UpdateOffer> outbox = std::nullopt);

  std::vector<AgentAction> handle(const AgentEvent& event);

  /// The plan being prepared, trained or evaluated; null when idle.
  const RoundPlan* task() const { return task_ ? &task_->plan : nullptr; }
  /// The update waiting for its acknowledgement; null when there is none.
  const UpdateOffer* pending_offer() const { return offer_ ? &*offer_ : nullptr; }

 private:
  enum class Stage { kPreparing, kWorking };
  struct Task {
    RoundPlan plan;
    TimePoint deadline;
    Stage stage = Stage::kPreparing;
  };

  void on(const LinkUp&);
  void on(const LinkDown&);
  void on(const Received& event);
  void on(const AdapterReady& event);
  void on(const TrainingDone& event);
  void on(const SecureTrainingDone& event);
  void on(const EvaluationDone& event);
  void on(const WorkFailed& event);
  void on(const AgentTimerFired& event);

  void on_message(const Welcome& welcome);
  void on_message(const RoundPlan& plan);
  void on_message(const UpdateAccepted& accepted);
  void on_message(const UpdateRejected& rejected);
  void on_message(const Wait& wait);
  void on_message(const Finished& finished);
  void on_message(const Refused& refused);
  template <class Other>
  void on_message(const Other&) {}  ///< what only a coordinator understands

  void say_hello();
  void start(const RoundPlan& plan);
  void cancel();
  void offer();
  void say_ready();
  void drop_ready();
  void report();
  void drop_offer();
  void stop(bool success, std::string reason);
  void set_timer(double seconds);
  template <class M>
  void send(M message) {
    out_.emplace_back(SendMessage{Message(std::move(message))});
  }

  std::string run_id_;
  Hello hello_;
  const Clock& clock_;
  std::optional<UpdateOffer> offer_;
  std::optional<SecureReady> ready_;  ///< of the update that waits for its sum
  bool offered_ = false;              ///< offer_ or ready_ was sent in this session
  bool welcomed_ = false;             ///< the link is up and the coordinator knows us
  bool stopped_ = false;
  std::optional<Task> task_;
  std::optional<EvaluationReport> report_;  ///< the latest, in case it is asked for again
  int failures_ = 0;                        ///< in a row
  std::uint64_t timer_ = 0;
  std::vector<AgentAction> out_;
};

}  // namespace fennec
