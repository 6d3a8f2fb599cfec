#pragma once
#include "coordinator/round_record.h"
#include "core/metrics.h"

namespace fennec {

/// The norms of a round's updates; NaN without any.
struct NormSpread {
  double least, median, largest;
};
NormSpread norm_spread(const RoundRecord& record);

/// Lines of metrics.jsonl about how a round's updates became one: kind "aggregation" (codec, bytes,
/// norms, cross term), and kind "rejected" for each that was refused.
void write_aggregation_metrics(MetricsWriter& metrics, const RoundRecord& record);

}  // namespace fennec
