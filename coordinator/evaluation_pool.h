#pragma once
#include <utility>
#include <vector>

#include "coordinator/round_engine.h"
#include "coordinator/round_record.h"

namespace fennec {

/// One evaluation over the examples of all clients: their sums are merged (core/evaluation_tally.h), so
/// the pooled figures equal an evaluation in one place. Empty reports (a device without test examples)
/// and those whose sums do not parse are left out.
EvaluationRecord pool_evaluation(const RecordEvaluation& evaluation);

/// The same figures of each client by itself, ascending by client; the same ones are left out.
std::vector<std::pair<ClientId, MetricList>> evaluation_by_client(const RecordEvaluation& evaluation);

}  // namespace fennec
