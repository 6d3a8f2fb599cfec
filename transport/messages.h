#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.h"
#include "core/ids.h"

namespace fennec {

/// Newest protocol this build speaks; a coordinator also serves kProtocol − 1 when there is one.
inline constexpr int kProtocol = 1;
inline constexpr int kOldestProtocol = kProtocol > 1 ? kProtocol - 1 : 1;

// Plain structs, nothing else: what travels between a client and the coordinator. docs/protocol.md is
// normative.

/// Named numbers a client reports: "loss" (nats per supervised token), "accuracy", "mae",
/// "<task>.accuracy", …
using MetricList = std::vector<std::pair<std::string, double>>;

// ---- client → coordinator

struct Hello {
  int protocol = kProtocol;
  std::string run_id;
  std::string base_digest;  ///< hex SHA-256 identifying the base model's weights; must equal the run's
  std::int64_t train_examples = 0;
  std::int64_t memory_bytes = 0;
  int cores = 0;
};

/// "I have an update for this round; here is what it is." The bytes follow as bulk transfer
/// "update/<round>".
struct UpdateOffer {
  RoundId round;
  AdapterVersion base_version;
  std::string codec;
  std::string layout_digest;
  std::int64_t num_examples = 0;
  std::int64_t supervised_tokens = 0;  ///< contribution weight of FedAvg
  std::int64_t steps = 0;
  double train_seconds = 0;
  MetricList metrics;
  std::int64_t payload_bytes = 0;
  std::string payload_sha256;
};

/// Answer to an evaluate plan; nothing to upload. Sums, not means, so that the coordinator weighs
/// exactly.
struct EvaluationReport {
  RoundId round;
  AdapterVersion version;
  std::int64_t num_examples = 0;
  std::int64_t supervised_tokens = 0;
  MetricList metrics;
};

/// The client could not do what was planned (budget, numeric failure); the round goes on without it.
struct TrainingFailed {
  RoundId round;
  ErrorCode code = ErrorCode::kNumeric;
  std::string reason;
};

/// Under secure aggregation, in place of an offer: the update of this plan is ready on the device.
struct SecureReady {
  RoundId round;
  AdapterVersion base_version;
  std::uint64_t seed = 0;  ///< of the plan it answers
};

/// A masked vector (a frame of privacy/secagg_frame.h) that is too large for one message. The bytes
/// follow as bulk transfer "masked/<payload_sha256>".
struct SecureVector {
  RoundId round;
  std::int64_t payload_bytes = 0;
  std::string payload_sha256;
};

struct Goodbye {};

/// Sent every heartbeat_s when there is nothing else to say; answered by Pong.
struct Ping {};

// ---- coordinator → client

struct Welcome {
  int protocol = kProtocol;
  std::string run_id;
  std::string experiment_yaml;  ///< canonical text; the client reads its hyper-parameters from it
  AdapterVersion version;       ///< current global adapter
};

enum class PlanKind { kTrain, kEvaluate };

/// The task of a round. The adapter (PEFT-layout safetensors) is fetched as bulk transfer
/// "adapter/<version>" unless the client has it already; version 0 is made locally from the seed. A
/// client that has the version before may fetch "step/<version>" instead.
struct RoundPlan {
  RoundId round;
  PlanKind kind = PlanKind::kTrain;
  AdapterVersion version;
  std::int64_t adapter_bytes = 0;
  std::string adapter_sha256;
  std::uint64_t seed = 0;        ///< key of this client's random draws in this round
  double deadline_s = 0;         ///< seconds left
  std::int64_t step_bytes = 0;   ///< 0: there is no step
  std::string step_sha256 = {};  ///< of its bytes
};

struct UpdateAccepted {
  RoundId round;
  std::string payload_sha256;
};

/// The offer or its bytes were refused. The client discards the update and waits for the next plan.
struct UpdateRejected {
  RoundId round;
  ErrorCode code = ErrorCode::kMalformed;
  std::string reason;
};

/// Not selected now: come back after this many seconds (stay connected).
struct Wait {
  double retry_after_s = 0;
};

/// The run is over.
struct Finished {
  AdapterVersion version;
};

/// The session is refused; the connection is of no further use with these settings.
struct Refused {
  ErrorCode code = ErrorCode::kMismatch;
  std::string reason;
};

struct Pong {};

// ---- either way

/// A step of secure aggregation; its bytes (privacy/secagg_frame.h) are the second frame of the
/// message.
struct SecureFrame {
  RoundId round;
};
/// What one message holds of it; a device's masked vector goes by SecureVector whatever its size.
inline constexpr std::size_t kMostSecureFrameBytes = std::size_t{1} << 20;

// ---- bulk transfer, either way (transport/bulk_transfer.h)

/// The receiver asks for `chunks` chunks from `offset` on.
struct BulkRequest {
  std::string transfer;  ///< "adapter/7", "step/7", "update/3" or "masked/<digest>"
  std::int64_t offset = 0;
  int chunks = 1;
};

/// One chunk; its bytes are the second frame of the message.
struct BulkChunk {
  std::string transfer;
  std::int64_t offset = 0;
  std::int64_t total_bytes = 0;
};

using Message =
    std::variant<Hello, UpdateOffer, EvaluationReport, TrainingFailed, Goodbye, Ping, Welcome,
                 RoundPlan, UpdateAccepted, UpdateRejected, Wait, Finished, Refused, Pong, BulkRequest,
                 BulkChunk, SecureReady, SecureVector, SecureFrame>;

}  // namespace fennec
