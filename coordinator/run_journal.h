#pragma once
#include <optional>
#include <string>
#include <vector>

#include "coordinator/privacy_account.h"
#include "coordinator/round_record.h"
#include "coordinator/run_directory.h"
#include "core/error.h"
#include "core/metrics.h"

namespace fennec {

/// What `serve` tells: one line a round on stdout (a table, or JSON lines), events.jsonl as things
/// happen, and metrics.jsonl, which is written anew from the ledger at every start and so never lies.
/// Io thread only.
class RunJournal {
 public:
  /// @param privacy  what the figures of a run under differential privacy mean
  RunJournal(const RunDirectory& run, int total_rounds, bool json,
             std::optional<PrivacySummary> privacy = {});

  void restore(const std::vector<RoundRecord>& rounds,
               const std::vector<EvaluationRecord>& evaluations);
  void listening(const std::string& run_name, const std::string& run_id, const std::string& endpoint);
  void round_committed(const RoundRecord& record);
  void evaluated(const EvaluationRecord& record);
  void finished(const RunDirectory& run, AdapterVersion version);
  void stopped();
  void event(const char* what, const std::string& client = "", std::int64_t round = -1,
             const std::string& detail = "");

 private:
  void write_round(const RoundRecord& record);  ///< to metrics.jsonl

  int total_rounds_;
  bool json_;
  std::optional<PrivacySummary> privacy_;
  MetricsWriter events_, metrics_;
  std::optional<EvaluationRecord> first_, last_;
};

/// "1.2 MB", "345 B": powers of ten.
std::string human_bytes(std::int64_t bytes);

}  // namespace fennec
