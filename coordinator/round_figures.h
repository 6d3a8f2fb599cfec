#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "coordinator/round_record.h"
#include "core/metrics.h"

namespace fennec {

/// The norms of a round's updates; NaN without any.
struct NormSpread {
  double least, median, largest;
};
NormSpread norm_spread(const RoundRecord& record);

/// Updates by staleness: [τ] = how many were trained from a version τ commits old. Empty when none was
/// stale.
std::vector<std::int64_t> staleness_histogram(std::span<const RoundRecord> records);

/// Lines of metrics.jsonl about how a round's updates became one: kind "aggregation" (codec, bytes,
/// norms, cross term), kind "staleness" for each age when any was stale, and kind "rejected" for each
/// that was refused.
void write_aggregation_metrics(MetricsWriter& metrics, const RoundRecord& record);

}  // namespace fennec
