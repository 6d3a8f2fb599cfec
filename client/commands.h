#pragma once
#include <functional>

namespace CLI {
class App;
}

namespace fennec {

/// What the command line asked for; returns the exit code: 0 done, 1 the machine or a file failed
/// (IoError), 2 the operator erred (ConfigError). Runs after parsing, once threads and logging are set.
using Action = std::function<int()>;

/// The only list of subcommands: `name` is one file, command_<name>.cpp.
#define FENNEC_CLIENT_COMMANDS(X) \
  X(run)                          \
  X(prepare)                      \
  X(collect)                      \
  X(train)                        \
  X(evaluate)                     \
  X(generate)                     \
  X(tokenize)                     \
  X(logits)                       \
  X(export)                       \
  X(doctor)

/// Each adds its subcommand with help, options and an example; when chosen, parsing sets `action`.
#define X(name) void add_##name##_command(CLI::App& app, Action& action);
FENNEC_CLIENT_COMMANDS(X)
#undef X

}  // namespace fennec
