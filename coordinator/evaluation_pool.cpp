#include "coordinator/evaluation_pool.h"

#include "core/evaluation_tally.h"

namespace fennec {

std::optional<double> EvaluationRecord::metric(std::string_view name) const {
  for (const auto& [key, value] : metrics)
    if (key == name) return value;
  return std::nullopt;
}

EvaluationRecord pool_evaluation(const RecordEvaluation& evaluation) {
  EvaluationRecord out{evaluation.after_round, evaluation.version, 0, 0, 0, {}};
  EvaluationTally pooled;
  for (const auto& [client, report] : evaluation.reports) {
    if (report.num_examples == 0) continue;
    const Result<EvaluationTally> tally = EvaluationTally::from_sums(report.metrics);
    if (!tally) continue;
    pooled.merge(*tally);
    ++out.clients;
    out.num_examples += report.num_examples;
    out.supervised_tokens += report.supervised_tokens;
  }
  out.metrics = pooled.metrics();
  return out;
}

std::vector<std::pair<ClientId, MetricList>> evaluation_by_client(const RecordEvaluation& evaluation) {
  std::vector<std::pair<ClientId, MetricList>> out;
  for (const auto& [client, report] : evaluation.reports) {
    if (report.num_examples == 0) continue;
    if (const Result<EvaluationTally> tally = EvaluationTally::from_sums(report.metrics))
      out.emplace_back(client, tally->metrics());
  }
  return out;
}

}  // namespace fennec
