#include <cstdio>

#include <fmt/format.h>

#include "coordinator/commands.h"
#include "coordinator/ledger.h"
#include "coordinator/run_directory.h"

namespace fennec {

void init_run(const InitCommand& command) {
  const Experiment experiment = load_experiment(command.config);
  const RunDirectory run{command.run};
  create_run(run, experiment);
  const Ledger ledger(run.ledger());
  const RunIdentity identity = ledger.identity();
  fmt::print("run {} ({}) in {}: {} adapter parameters, base {:.12}…\n", experiment.name,
             identity.run_id, run.root.string(), ledger.layout()->size(), identity.base_digest);
  fmt::print("next: fennec-coordinator enroll {} DEVICE, then fennec-coordinator serve {}\n",
             run.root.string(), run.root.string());
}

}  // namespace fennec
