#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/ids.h"
#include "transport/messages.h"

namespace fennec {

// Plain records of what happened, shared by ledger, metrics, status, report and simulator.

/// One client's part in a committed round.
struct ParticipantRecord {
  ClientId client;
  std::int64_t num_examples = 0;
  std::int64_t supervised_tokens = 0;
  std::int64_t steps = 0;
  double train_seconds = 0;
  double loss =
      0;  ///< mean training loss it reported, nats per supervised token; NaN when it reported none
  double update_norm = 0;  ///< L2 of the decoded delta
  std::int64_t bytes_up = 0;
  std::string payload_sha256;
  std::int64_t staleness = 0;  ///< versions that were committed since the one it was trained from
};

/// An update, or a message about one, that was refused while a round was open.
struct RejectedUpdate {
  ClientId client;
  std::string reason;
};

/// Why a round was opened again.
struct ReopenedRound {
  std::string abort;  ///< SecAggAbort of the session that ended; empty = no session was open
  std::string reason;
};

/// What secure aggregation tells of a round.
struct SecureFigures {
  int sums = 0;  ///< groups summed; 0 = updates came one by one
  /// Share of the values that devices clipped to privacy.secagg.clip, mean over them.
  double clipped_share = std::numeric_limits<double>::quiet_NaN();
  std::string transcript;  ///< hex, of the sessions: devices can compute it, too
};

/// A committed round. `version` is the adapter it made.
struct RoundRecord {
  RoundId round;
  AdapterVersion version;
  std::vector<ParticipantRecord> participants;  ///< ascending by client
  std::int64_t num_examples = 0, supervised_tokens = 0;
  double loss = 0;  ///< training loss, weighted by supervised tokens; NaN when nobody reported one
  double update_norm = 0;  ///< L2 of the step of the global adapter
  /// ‖mean(BA) − mean(B)·mean(A)‖ / ‖mean(BA)‖: what averaging the factors misses; NaN = not watched
  double cross_term = std::numeric_limits<double>::quiet_NaN();
  std::string codec;                     ///< of the updates: bytes_up are its bytes
  std::vector<RejectedUpdate> rejected;  ///< since the round before was committed
  std::int64_t bytes_up = 0, bytes_down = 0;
  double wall_s = 0;  ///< from the opening of the round to its commit; virtual seconds in a simulation
  std::string adapter_sha256;
  std::int64_t adapter_bytes = 0;
  SecureFigures secure;
  std::vector<ReopenedRound> reopened;  ///< before it was committed, in order
  /// ε spent up to and with this round; NaN without differential privacy.
  double epsilon = std::numeric_limits<double>::quiet_NaN();
};

/// The encoded step from the version before (coordinator/downlink.h), as plans announce it.
struct StepFile {
  std::int64_t bytes = 0;  ///< 0: there is none
  std::string sha256 = {};
};

/// A federated evaluation, pooled over the clients that answered.
struct EvaluationRecord {
  RoundId after_round;
  AdapterVersion version;
  std::int64_t clients = 0, num_examples = 0, supervised_tokens = 0;
  MetricList metrics;  ///< derived figures: EvaluationTally::metrics()
  std::optional<double> metric(std::string_view name) const;
};

}  // namespace fennec
