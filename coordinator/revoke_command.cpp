#include <fmt/format.h>

#include <cstdio>

#include "coordinator/commands.h"
#include "coordinator/ledger.h"
#include "coordinator/run_directory.h"

namespace fennec {

void revoke_client(const RevokeCommand& command) {
  const RunDirectory run{command.run};
  run.load_experiment();
  Ledger(run.ledger()).revoke(ClientId{command.name});
  fmt::print(
      "{} revoked; a running coordinator drops it at its next look at the ledger, once a second\n",
      command.name);
}

}  // namespace fennec
