#include <cstdio>

#include <fmt/format.h>

#include "aggregation/travel.h"
#include "coordinator/commands.h"
#include "coordinator/ledger.h"
#include "coordinator/run_directory.h"

namespace fennec {

namespace {

std::string cost(const PrivacyAccount& privacy, const Experiment& experiment) {
  const int total = experiment.rounds.total;
  std::string out = fmt::format("epsilon {:.4f} at delta {:g}", privacy.epsilon_after(total),
                                experiment.privacy.dp.delta);
  const std::string why = privacy.why_shorter(privacy.last_affordable_round(RoundId{0}, total), total);
  return why.empty() ? out : out + "; " + why;
}

}  // namespace

void init_run(const InitCommand& command) {
  const Experiment experiment = load_experiment(command.config);
  const RunDirectory run{command.run};
  create_run(run, experiment);
  const Ledger ledger(run.ledger());
  const RunIdentity identity = ledger.identity();
  const LayoutPtr trained = travelling_layout(ledger.layout(), Half::kBoth);
  fmt::print("run {} ({}) in {}: {} adapter parameters, base {:.12}…\n", experiment.name,
             identity.run_id, run.root.string(), trained->size(), identity.base_digest);
  if (const auto privacy = privacy_account(experiment, {}))
    fmt::print("privacy: {} rounds cost {}\n", experiment.rounds.total, cost(*privacy, experiment));
  fmt::print("next: fennec-coordinator enroll {} DEVICE, then fennec-coordinator serve {}\n",
             run.root.string(), run.root.string());
}

}  // namespace fennec
