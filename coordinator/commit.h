#pragma once
#include <map>
#include <vector>

#include "aggregation/aggregator.h"
#include "coordinator/round_record.h"
#include "coordinator/update_store.h"
#include "core/error.h"
#include "core/parameter_set.h"
#include "transport/messages.h"

namespace fennec {

/// Decodes an update as it came: kMismatch (other codec or layout), kMalformed, kNumeric (not finite).
Result<ParameterSet> decode_update(const UpdateOffer& offer, std::span<const std::byte> bytes,
                                   const LayoutPtr& layout);

struct Commit {
  ParameterSet adapter;  ///< the new version
  RoundRecord record;    ///< without adapter_bytes, adapter_sha256 and bytes_down, which the host knows
};

/// Folds the stored updates into `base`, one at a time in ascending client id, so that the same
/// contributors give the same bits whatever happened on the way. Moves `optimizer`. Throws IoError when
/// an update that had been checked on arrival no longer reads: the disk's fault.
/// @param contributors  not empty
Commit commit_round(RoundId round, const ParameterSet& base,
                    const std::map<ClientId, UpdateOffer>& contributors, const UpdateStore& updates,
                    Aggregator& aggregator, ServerOptimizer& optimizer);

/// The bytes that travel and are stored as adapter_model.safetensors: equal adapters give equal bytes.
std::vector<std::byte> adapter_file_bytes(const ParameterSet& adapter);

}  // namespace fennec
