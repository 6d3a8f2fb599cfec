#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>
#include <thread>

#include "client/commands.h"
#include "client/summary.h"
#include "core/progress.h"
#include "data/collect.h"

namespace fennec {
namespace {

struct CollectCommand {
  std::string out;
  CollectOptions collect;
  bool json = false;
};

volatile std::sig_atomic_t interrupted = 0;  // set by the handler of the one process this is

/// Sleeps in short naps, so that an interrupt ends the collection soon.
void sleep_until(const Clock& clock, TimePoint time, std::stop_source& stop) {
  while (clock.now() < time) {
    if (interrupted != 0) {
      stop.request_stop();
      return;
    }
    std::this_thread::sleep_for(std::min<Duration>(time - clock.now(), std::chrono::milliseconds(100)));
  }
}

int run_collect(CollectCommand options) {
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  const SteadyClock clock;
  std::stop_source stop;
  Progress progress("collecting", options.collect.seconds);
  options.collect.stop = stop.get_token();
  options.collect.on_sample = [&](int done, int) { progress.advance_to(done); };
  const PrepareSummary summary = collect(options.collect, options.out, clock,
                                         [&](TimePoint time) { sleep_until(clock, time, stop); });
  progress.finish();
  print_summary(summary, options.out, options.json);
  return 0;
}

}  // namespace

void add_collect_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<CollectCommand>();
  CLI::App* command = app.add_subcommand("collect",
                                         "samples this host's own sensors once a second into training "
                                         "and test examples; Ctrl-C ends early");
  command->add_option("--seconds", options->collect.seconds, "samples to take, one a second")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--out", options->out, "directory to write <device>/{train,test}.jsonl to")
      ->required();
  command->add_option("--device", options->collect.device_id,
                      "name of the device; default: the host's name");
  command->add_option("--root", options->collect.root, "where proc/ and sys/ are")
      ->capture_default_str();
  command->add_flag("--json", options->json, "print the summary as JSON");
  command->footer(
      "Example:\n"
      "  fennec-client collect --seconds 600 --out data\n");
  command->callback([&action, options] { action = [options] { return run_collect(*options); }; });
}

}  // namespace fennec
