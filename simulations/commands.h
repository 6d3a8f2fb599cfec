#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace fennec {

/// What the command line asked for; returns the exit code. Runs after parsing.
using Action = std::function<int()>;

/// The only list of subcommands: `name` is one file, command_<name>.cpp.
#define FENNEC_SIM_COMMANDS(X) \
  X(run)                       \
  X(compare)                   \
  X(pretrain)                  \
  X(keys)

/// Each adds its subcommand with help, options and an example; when chosen, parsing sets `action`.
#define FENNEC_DECLARE(name) void add_##name##_command(CLI::App& app, Action& action);
FENNEC_SIM_COMMANDS(FENNEC_DECLARE)
#undef FENNEC_DECLARE

}  // namespace fennec
