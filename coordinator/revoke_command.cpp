#include <fmt/format.h>

#include <cstdio>

#include "coordinator/commands.h"
#include "coordinator/ledger.h"
#include "coordinator/roster_file.h"
#include "coordinator/run_directory.h"

namespace fennec {

void revoke_client(const RevokeCommand& command) {
  const RunDirectory run{command.run};
  run.load_experiment();
  Ledger ledger(run.ledger());
  ledger.revoke(ClientId{command.name});
  for (const EnrolledClient& known : ledger.clients())
    if (known.client.name == command.name) revoke_in_roster(run, known.public_key);
  fmt::print(
      "{} revoked; a running coordinator drops it at its next look at the ledger, once a second\n",
      command.name);
}

}  // namespace fennec
