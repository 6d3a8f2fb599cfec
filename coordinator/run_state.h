#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "coordinator/client_history.h"
#include "coordinator/round_record.h"
#include "core/ids.h"
#include "transport/messages.h"

namespace fennec {

/// What a restart needs to know; read from the ledger. An open round has a cohort.
struct RunState {
  AdapterVersion version;
  std::int64_t adapter_bytes = 0;
  std::string adapter_sha256;
  RoundId last_committed;             ///< 0 before the first
  bool evaluated = false;             ///< the evaluation due after last_committed is recorded
  std::vector<ClientId> open_cohort;  ///< of round last_committed + 1, empty when not opened
  std::map<ClientId, UpdateOffer>
      stored;                 ///< updates of the open round already acknowledged or on disk
  ClientHistory history{};    ///< of the committed rounds
  std::int64_t openings = 0;  ///< of the open round, this one included
  StepFile step{};            ///< to `version`
};

}  // namespace fennec
