#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "coordinator/commands.h"
#include "coordinator/ledger.h"
#include "coordinator/roster_file.h"
#include "coordinator/run_directory.h"
#include "core/error.h"
#include "transport/keys.h"

namespace fennec {

namespace {

// A name becomes part of file names and log lines.
void check_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (name.empty() || name.size() > 64 || name.front() == '.' || name.front() == '-' ||
      name.find_first_not_of(kAllowed) != std::string::npos)
    throw ConfigError(
        "client name '" + name +
        "': use 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit");
}

}  // namespace

void enroll_client(const EnrollCommand& command) {
  check_name(command.name);
  const RunDirectory run{command.run};
  const Experiment experiment = run.load_experiment();
  Ledger ledger(run.ledger());
  EnrolmentBundle bundle{ledger.identity().run_id,
                         command.name,
                         advertised_endpoint(run, experiment),
                         read_curve_keys(run.server_key()).public_key,
                         generate_curve_keys(),
                         experiment.model.base};
  const std::filesystem::path file = command.out.empty() ? run.bundle_of(command.name) : command.out;
  // The ledger admits only what has a bundle: write it first. A name that is taken leaves no new file
  // behind.
  for (const EnrolledClient& known : ledger.clients())
    if (known.client.name == command.name)
      throw ConfigError("client '" + command.name +
                        "' is already enrolled; a revoked name is not used again");
  bundle.signing = enter_roster(run, bundle.keys.public_key, command.valid_days);
  write_bundle(file, bundle);
  ledger.enroll(ClientId{command.name}, bundle.keys.public_key);
  fmt::print("{} enrolled; give the device {} (it holds its secret key)\n", command.name,
             file.string());
}

}  // namespace fennec
