#include "coordinator/run_report.h"

#include <algorithm>

#include <fmt/format.h>

#include "coordinator/run_journal.h"
#include "core/clock.h"

namespace fennec {

ReportInput live_report(const Ledger& ledger, const Experiment& experiment) {
  const RunIdentity identity = ledger.identity();
  const std::vector<EnrolledClient> clients = ledger.clients();
  const auto admitted =
      std::count_if(clients.begin(), clients.end(), [](const auto& c) { return c.revoked.empty(); });
  ReportInput input;
  input.title = experiment.name;
  input.subtitle = fmt::format("{} enrolled devices, live", admitted);
  input.generated = wall_time_iso8601();
  input.rounds = ledger.rounds();
  input.evaluations = ledger.evaluations();
  input.privacy = privacy_summary(experiment, ledger.privacy_releases(), false);
  input.experiment_yaml = to_yaml(experiment);
  const AdapterRow adapter = *ledger.adapter(ledger.latest());
  input.facts = {
      {"Run", identity.run_id},
      {"Base model", experiment.model.base},
      {"Rounds", fmt::format("{} of {}", adapter.version.value, experiment.rounds.total)},
      {"Reopened rounds", std::to_string(ledger.abandoned_rounds())},
      {"LoRA", fmt::format("rank {}, alpha {:g}", experiment.lora.rank, experiment.lora.alpha)},
      {"Aggregation",
       experiment.aggregation.strategy + " + " + experiment.aggregation.server_optimizer},
      {"Secure aggregation", experiment.privacy.secagg.mode},
      {"Adapter", human_bytes(adapter.bytes)},
      {"Adapter SHA-256", adapter.sha256.substr(0, 16) + "…"}};
  return input;
}

}  // namespace fennec
