#include <array>
#include <cstdio>
#include <ctime>
#include <map>
#include <string>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "coordinator/commands.h"
#include "coordinator/ledger.h"
#include "coordinator/roster_file.h"

namespace fennec {

std::string roster_text(const RosterCommand& command) {
  const RunDirectory run{command.run};
  run.load_experiment();
  std::map<std::array<std::byte, 32>, std::string> names;
  for (const EnrolledClient& client : Ledger(run.ledger(), /*read_only=*/true).clients())
    names.emplace(curve_key_bytes(client.public_key), client.client.name);
  const Roster roster = read_roster(run);
  std::string text = fmt::format("epoch {}, {} on the roster\n", roster.epoch, roster.entries.size());
  for (const RosterEntry& entry : roster.entries) {
    const auto name = names.find(entry.curve_key);
    const bool revoked = (entry.flags & kRosterRevoked) != 0;
    text += fmt::format("{:>6}  {:<32}  {}\n", entry.uid,
                        name == names.end() ? "(enrolment not finished)" : name->second,
                        revoked ? "revoked"
                                : fmt::format("valid until {:%Y-%m-%d}",
                                              fmt::gmtime(static_cast<std::time_t>(entry.not_after))));
  }
  return text;
}

void show_roster(const RosterCommand& command) { fmt::print("{}", roster_text(command)); }

}  // namespace fennec
