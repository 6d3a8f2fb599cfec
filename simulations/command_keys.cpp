#include <cstdio>

#include <CLI/CLI.hpp>

#include "configs/key_reference.h"
#include "simulations/commands.h"

namespace fennec {

void add_keys_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("keys", "every key of an experiment file: default and meaning, as Markdown");
  command->callback([&action] {
    action = [] {
      std::fputs(key_reference_markdown().c_str(), stdout);
      return 0;
    };
  });
}

}  // namespace fennec
