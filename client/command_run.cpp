#include <CLI/CLI.hpp>
#include <memory>

#include "client/base_precision.h"
#include "client/commands.h"
#include "client/live_client.h"

namespace fennec {

void add_run_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command =
      app.add_subcommand("run", "takes part in a run until the coordinator says it is finished");
  command
      ->add_option("--bundle", options->bundle,
                   "enrolment bundle written by `fennec-coordinator enroll`")
      ->required();
  command
      ->add_option("--data", options->data,
                   "prepared device directory (train.jsonl, test.jsonl), or one JSONL file")
      ->required();
  command->add_option("--base", options->base,
                      "Hugging Face directory of the base model; default: as the bundle says");
  add_base_precision(*command, options->base_precision);
  command->add_option("--state", options->state, "what survives a restart; default: <bundle>.state");
  command->add_flag("--json", options->json, "one JSON object an event on standard output");
  command->footer(
      "Reconnects by itself; killed and started again, it goes on from its last checkpoint.\n"
      "Example:\n"
      "  fennec-client run --bundle pump-1.bundle --data data/pump-1\n");
  command->callback([&action, options] { action = [options] { return run_live_client(*options); }; });
}

}  // namespace fennec
