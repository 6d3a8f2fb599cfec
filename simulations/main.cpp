#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "core/error.h"
#include "core/log.h"
#include "simulations/commands.h"

namespace {

constexpr const char* kHelp =
    "Federated LoRA fine-tuning on emulated devices: the same round engine and client agent as a "
    "deployment, on virtual "
    "time, with real training.\n"
    "Exit codes: 0 done, 1 a file or the machine failed, 2 the command line or a configuration is "
    "wrong, 3 ended early by the privacy budget.";

int report(const char* message, int code) {
  std::fprintf(stderr, "fennec-sim: %s\n", message);
  return code;
}

int run_action(const fennec::Action& action) {
  try {
    return action();
  } catch (const fennec::ConfigError& e) {
    return report(e.what(), 2);
  } catch (const std::exception& e) {
    return report(e.what(), 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kHelp, "fennec-sim");
  app.require_subcommand(1);
  app.fallthrough();
  bool verbose = false;
  app.add_flag("-v,--verbose", verbose, "log details too");

  fennec::Action action;
#define FENNEC_ADD(name) fennec::add_##name##_command(app, action);
  FENNEC_SIM_COMMANDS(FENNEC_ADD)
#undef FENNEC_ADD
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  fennec::log::configure(verbose ? fennec::log::Level::kDebug : fennec::log::Level::kWarn);
  return run_action(action);
}
