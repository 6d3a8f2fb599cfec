#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "client/commands.h"
#include "core/error.h"
#include "core/log.h"
#include "model/compute_threads.h"

namespace {

using namespace fennec;

constexpr const char* kHelp =
    "The device's side of a federated fine-tuning run: prepares sensor data, takes part in rounds, "
    "uses the result.\n"
    "Exit codes: 0 done, 1 a file, the machine or the network failed, 2 the command line or a "
    "configuration is wrong.";

constexpr const char* kExample =
    "Example: from recorded data to a tuned model\n"
    "  fennec-client prepare --recipe configs/data/har_phone.yaml --input har_phone_watch --out data\n"
    "  fennec-client run --bundle s02_phone.bundle --data data/s02_phone\n"
    "  fennec-client evaluate --base models/sensor-tiny --adapter adapter --data data/s02_phone\n";

int report(const char* message, int code) {
  std::fprintf(stderr, "fennec-client: %s\n", message);
  return code;
}

int run_action(const Action& action) {
  try {
    return action();
  } catch (const ConfigError& e) {
    return report(e.what(), 2);
  } catch (const std::exception& e) {
    return report(e.what(), 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(kHelp, "fennec-client");
  app.footer(kExample);
  app.require_subcommand(1);
  app.fallthrough();
  int threads = 1;
  bool verbose = false, quiet = false;
  app.add_option("--threads", threads, "processor cores for tensor work")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_flag("-v,--verbose", verbose, "log details too");
  app.add_flag("-q,--quiet", quiet, "log warnings and errors only")->excludes("--verbose");

  Action action;
#define X(name) add_##name##_command(app, action);
  FENNEC_CLIENT_COMMANDS(X)
#undef X
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  log::configure(verbose ? log::Level::kDebug : quiet ? log::Level::kWarn : log::Level::kInfo);
  set_compute_threads(threads);
  return run_action(action);
}
