#include <fmt/format.h>

#include <cstdio>

#include "coordinator/commands.h"
#include "coordinator/ledger.h"
#include "coordinator/run_directory.h"
#include "core/error.h"
#include "core/peft_directory.h"

namespace fennec {

void export_adapter(const ExportCommand& command) {
  const RunDirectory run{command.run};
  run.load_experiment();
  const Ledger ledger(run.ledger(), true);
  const AdapterVersion version{command.version.value_or(ledger.latest().value)};
  if (!ledger.adapter(version))
    throw ConfigError(fmt::format("adapter version {} does not exist; the latest is {}", version.value,
                                  ledger.latest().value));
  const PeftAdapter adapter = read_peft_directory(run.adapters() / fmt::format("{:04}", version.value));
  write_peft_directory(command.out, adapter.config, adapter.tensors);
  fmt::print("adapter version {} written to {}\n", version.value, command.out.string());
}

}  // namespace fennec
