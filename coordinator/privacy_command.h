#pragma once
#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace fennec {

/// `privacy epsilon`: what so much noise promises.
struct PrivacyEpsilonCommand {
  double sampling_rate = 1, noise_multiplier = 0, delta = 0;
  std::int64_t steps = 1;
  std::string accountant = "rdp", mechanism = "central", unit = "user";
  bool json = false;
};
/// `privacy plan`: how much noise a promise takes.
struct PrivacyPlanCommand {
  double epsilon = 0, delta = 0;
  std::int64_t rounds = 1, cohort = 1, population = 1;
  std::string accountant = "rdp", mechanism = "central", sampling = "poisson";
  double dropouts = 0.3, corrupt = 0.1;  ///< distributed: as privacy.secagg
  bool json = false;
};

/// What they print. ConfigError for what cannot be accounted for.
std::string privacy_epsilon_text(const PrivacyEpsilonCommand& command);
std::string privacy_plan_text(const PrivacyPlanCommand& command);

struct PrivacyCommands {
  PrivacyEpsilonCommand epsilon;
  PrivacyPlanCommand plan;
};
/// Adds `privacy` with its subcommands to a command line. `commands` outlives the parsing.
void add_privacy_commands(CLI::App& app, PrivacyCommands& commands);

}  // namespace fennec
