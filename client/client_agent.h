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

struct LinkUp {};    ///< connected or reconnected
struct LinkDown {};
struct Received {
  Message message;  ///< never a bulk message: the host's transfers handle those
};
struct AdapterReady {  ///< fetched (digest checked) or made from the seed
  AdapterVersion version;
};
struct TrainingDone {  ///< encoded delta is in the host's outbox (on disk for a live client)
  UpdateOffer offer;
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
using AgentEvent = std::variant<LinkUp, LinkDown, Received, AdapterReady, TrainingDone, EvaluationDone, WorkFailed, AgentTimerFired>;

// ---- what the agent asks for

struct SendMessage {
  Message message;
};
struct PrepareAdapter {  ///< have plan.version at hand: cache, seed, or bulk transfer; then AdapterReady
  RoundPlan plan;
};
struct StartTraining {  ///< resumes from the checkpoint of this round and version if there is one
  RoundPlan plan;
};
struct StartEvaluation {
  RoundPlan plan;
};
struct CancelWork {};  ///< the round went on without us
struct DropUpdate {    ///< acknowledged or rejected: outbox and checkpoint of this round may go
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
using AgentAction = std::variant<SendMessage, PrepareAdapter, StartTraining, StartEvaluation, CancelWork, DropUpdate, SetAgentTimer,
                                 Reconnect, Stop>;

}  // namespace fennec
