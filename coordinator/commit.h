#pragma once
#include <map>
#include <utility>
#include <vector>

#include "aggregation/aggregator.h"
#include "coordinator/round_record.h"
#include "coordinator/update_store.h"
#include "core/error.h"
#include "core/parameter_set.h"
#include "transport/messages.h"

namespace fennec {

/// No honest delta of an adapter comes near it; beyond, sums and squares would leave float's range.
inline constexpr double kMostNorm = 1e6;

/// Decodes an update as it came: kMismatch (other codec or layout), kMalformed, kNumeric (not finite,
/// or its L2 norm is above `max_norm`).
/// @param layout  of the versions  @param half  what travels in the offer's round: only that is in the
/// bytes, the rest of the result is 0
Result<ParameterSet> decode_update(const UpdateOffer& offer, std::span<const std::byte> bytes,
                                   const LayoutPtr& layout, double max_norm = kMostNorm,
                                   Half half = Half::kBoth);

struct Commit {
  ParameterSet adapter;  ///< the new version
  RoundRecord record;    ///< without adapter_bytes, adapter_sha256 and bytes_down, which the host knows
  std::vector<std::pair<ClientId, Error>> dropped;  ///< contributors that were not folded, and why
  /// The encoded step from the version before (Downlink); empty: the version goes down whole.
  std::vector<std::byte> step = {};
  bool empty = false;  ///< nothing to commit: nobody is left, and `adapter` is the base
};

/// Folds the stored updates into `base`, one at a time in ascending client id, so that the same
/// contributors give the same bits whatever happened on the way. Moves `optimizer`. Throws IoError when
/// an update that had been checked on arrival no longer reads: the disk's fault. An update that is not
/// finite, beyond kMostNorm or without what the strategy weighs it by is dropped; when the new adapter
/// would not be finite all are, and `optimizer` is as it was. With nobody left there is nothing to
/// commit, unless the aggregator releases that, too. When the aggregator cannot do with what came, all
/// are dropped.
/// @param contributors  empty only for an aggregator that releases nothing received
/// @param travel  of the run's strategy
Commit commit_round(RoundId round, const ParameterSet& base,
                    const std::map<ClientId, UpdateOffer>& contributors, const UpdateStore& updates,
                    Aggregator& aggregator, ServerOptimizer& optimizer, Travel travel = Travel::kBoth);

/// Moves `commit.adapter` by what was combined, control variates as they are; drops every participant,
/// and leaves `optimizer` as it was, when the adapter would not stay finite.
void step_adapter(Commit& commit, const ParameterSet& base, const ParameterSet& delta,
                  ServerOptimizer& optimizer, Half half);

/// The bytes that travel and are stored as adapter_model.safetensors: equal adapters give equal bytes.
std::vector<std::byte> adapter_file_bytes(const ParameterSet& adapter);

}  // namespace fennec
