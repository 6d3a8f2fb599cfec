#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/privacy_account.h"
#include "coordinator/round_record.h"

namespace fennec {

/// What a report shows; the live coordinator and the simulator fill it alike.
struct ReportInput {
  std::string title;          ///< experiment name
  std::string subtitle;       ///< e.g. "4 devices, live" or "1000 simulated devices"
  std::string generated;      ///< UTC wall time, ISO 8601; empty = leave out (reproducible bytes)
  bool virtual_time = false;  ///< wall_s are simulated seconds
  std::vector<std::pair<std::string, std::string>>
      facts;                        ///< shown as label/value tiles (run id, base, adapter size, …)
  std::vector<RoundRecord> rounds;  ///< ascending
  std::vector<EvaluationRecord> evaluations;  ///< ascending
  std::string experiment_yaml;
  /// Under differential privacy: shown, and the figures of single devices are left out.
  std::optional<PrivacySummary> privacy;
};

/// One self-contained HTML page (inline CSS and SVG, no script, nothing fetched): losses, scores and
/// bytes as plots, rounds and participants as tables, the configuration.
std::string report_html(const ReportInput& input);

}  // namespace fennec
