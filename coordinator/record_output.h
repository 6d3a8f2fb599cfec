#pragma once
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "coordinator/round_record.h"
#include "core/metrics.h"

namespace fennec {

// How a round or an evaluation is told, by `serve` and by the simulator alike.

/// One line of metrics.jsonl; a caller may append fields of its own.
MetricFields metric_fields(const RoundRecord& record);
/// One line of metrics.jsonl a figure.
void write_metrics(MetricsWriter& metrics, const EvaluationRecord& record);

nlohmann::ordered_json to_json(const MetricList& metrics);  ///< {"loss":…,"accuracy":…}

/// The figures a person looks for first, "  loss 0.7205  accuracy 0.4557"; the rest is in
/// metrics.jsonl and the report.
std::string headlines(const EvaluationRecord& record);
/// "held-out  loss 1.4486 → 0.1581  accuracy …": the figures that both have.
std::string headline_changes(const EvaluationRecord& before, const EvaluationRecord& after);

void print_line(const std::string& line);  ///< to stdout, at once

}  // namespace fennec
