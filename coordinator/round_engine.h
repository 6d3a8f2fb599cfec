#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "core/rng.h"
#include "coordinator/coordinator_config.h"
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
};
struct EngineStarted {};
using RoundEvent = std::variant<EngineStarted, ClientArrived, ClientLost, ClientRevoked, OfferArrived, UpdateArrived, UpdateStored,
                                EvaluationArrived, TrainingFailedArrived, TimerFired, RoundCommitted>;

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
struct CommitRound {  ///< aggregate the stored updates of these clients, persist, then RoundCommitted
  RoundId round;
  std::vector<ClientId> contributors;  ///< ascending
  double wall_s;
};
struct RecordEvaluation {  ///< pooled over clients, weighted
  RoundId after_round;
  AdapterVersion version;
  std::vector<std::pair<ClientId, EvaluationReport>> reports;
};
struct RoundAbandoned {  ///< too few updates at the deadline; stored ones are kept, the round opens again
  RoundId round;
  std::string reason;
};
struct RunFinished {
  AdapterVersion version;
};
using RoundAction = std::variant<SendTo, RequestUpdate, SetTimer, RecordRoundOpened, StoreUpdate, CommitRound, RecordEvaluation,
                                 RoundAbandoned, RunFinished>;

/// What a restart needs to know; read from the ledger. An open round has a cohort.
struct RunState {
  AdapterVersion version;
  std::int64_t adapter_bytes = 0;
  std::string adapter_sha256;
  RoundId last_committed;                    ///< 0 before the first
  bool evaluated = false;                    ///< the evaluation due after last_committed is recorded
  std::vector<ClientId> open_cohort;         ///< of round last_committed + 1, empty when not opened
  std::map<ClientId, UpdateOffer> stored;    ///< updates of the open round already acknowledged or on disk
};

}  // namespace fennec
