#include <CLI/CLI.hpp>

#include <cstdio>

#include "coordinator/commands.h"
#include "coordinator/privacy_account.h"
#include "coordinator/privacy_command.h"
#include "core/error.h"

namespace {

constexpr const char* kFooter = R"(A run is a directory. From nothing to an adapter:
  fennec-coordinator init runs/home --config configs/recipes/quickstart.yaml
  fennec-coordinator enroll runs/home kitchen-sensor --out kitchen-sensor.json
  fennec-coordinator serve runs/home          (clients: fennec-client run --bundle kitchen-sensor.json --data DIR)
  fennec-coordinator export runs/home --out adapter
`serve` may be killed at any moment; `serve` again continues the same round.
Exit codes: 0 done, 1 the machine's or a file's fault, 2 the command's or the configuration's, 3 ended early
by the privacy budget.)";

void add_commands(CLI::App& app, fennec::InitCommand& init, fennec::EnrollCommand& enroll,
                  fennec::RevokeCommand& revoke, fennec::RosterCommand& roster) {
  auto* c = app.add_subcommand("init", "Make a run directory: keys, ledger, adapter version 0");
  c->add_option("RUN", init.run, "new directory")->required();
  c->add_option("--config", init.config, "experiment YAML")->required()->check(CLI::ExistingFile);
  c->callback([&init] { fennec::init_run(init); });

  c = app.add_subcommand("enroll", "Admit a device and write its bundle (works while serving)");
  c->add_option("RUN", enroll.run, "run directory")->required();
  c->add_option("NAME", enroll.name, "the device's name in this run")->required();
  c->add_option("--out", enroll.out, "bundle file, mode 0600 (default: RUN/keys/NAME.bundle.json)");
  c->add_option("--valid-days", enroll.valid_days, "how long its signing key is valid")
      ->check(CLI::Range(1, 36500))
      ->capture_default_str();
  c->callback([&enroll] { fennec::enroll_client(enroll); });

  c = app.add_subcommand("revoke", "Shut a device out, at once and for good");
  c->add_option("RUN", revoke.run, "run directory")->required();
  c->add_option("NAME", revoke.name, "an enrolled device")->required();
  c->callback([&revoke] { fennec::revoke_client(revoke); });

  c = app.add_subcommand("roster", "The signed list of devices: numbers, validity, revocations");
  c->add_option("RUN", roster.run, "run directory")->required();
  c->callback([&roster] { fennec::show_roster(roster); });
}

void add_commands(CLI::App& app, fennec::ServeCommand& serve, fennec::StatusCommand& status,
                  fennec::ExportCommand& exported) {
  auto* c = app.add_subcommand("serve", "Run the rounds until the last one is committed");
  c->add_option("RUN", serve.run, "run directory")->required();
  c->add_flag("--json", serve.json, "one JSON object a line on stdout");
  c->add_option("--port-file", serve.port_file, "write the bound port there once listening");
  c->add_flag("--verbose", serve.verbose, "log each client's comings and goings");
  c->callback([&serve] { fennec::serve_run(serve); });

  c = app.add_subcommand("status", "What has happened so far (works while serving)");
  c->add_option("RUN", status.run, "run directory")->required();
  c->add_flag("--json", status.json, "as JSON");
  c->callback([&status] { fennec::show_status(status); });

  c = app.add_subcommand("export", "Copy an adapter as a PEFT directory");
  c->add_option("RUN", exported.run, "run directory")->required();
  c->add_option("--out", exported.out, "directory to write")->required();
  c->add_option("--version", exported.version, "adapter version (default: the latest)");
  c->callback([&exported] { fennec::export_adapter(exported); });
}

void add_command(CLI::App& app, fennec::AggregateCommand& aggregate) {
  auto* c = app.add_subcommand("aggregate",
                               "Combine finished adapters, without a run: ranks and scales may differ");
  c->add_option("--strategy", aggregate.strategy, "how (docs/aggregation.md)")->required();
  c->add_option("--weights", aggregate.weights,
                "one a directory, as in 3,1,2 (default: all the same); scaled to sum to 1");
  c->add_option("--options", aggregate.options, "the strategy's own settings, as in rank=9,trim=0.2");
  c->add_option("--out", aggregate.out, "directory to write, all at once")->required();
  c->add_flag("--json", aggregate.json, "report as JSON");
  c->add_option("ADAPTER_DIR", aggregate.adapters, "PEFT directories")->required();
  c->callback([&aggregate] { fennec::aggregate_adapters(aggregate); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Coordinator of federated LoRA fine-tuning: enrols devices, runs rounds, keeps the adapter.",
      "fennec-coordinator");
  app.require_subcommand(1);
  app.footer(kFooter);
  fennec::InitCommand init;
  fennec::EnrollCommand enroll;
  fennec::RevokeCommand revoke;
  fennec::RosterCommand roster;
  fennec::ServeCommand serve;
  fennec::StatusCommand status;
  fennec::ExportCommand exported;
  add_commands(app, init, enroll, revoke, roster);
  add_commands(app, serve, status, exported);
  fennec::AggregateCommand aggregate;
  add_command(app, aggregate);
  fennec::PrivacyCommands privacy;
  fennec::add_privacy_commands(app, privacy);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const fennec::ConfigError& error) {
    return std::fprintf(stderr, "error: %s\n", error.what()), 2;
  } catch (const fennec::BudgetSpent& error) {
    return std::fprintf(stderr, "stopped: %s\n", error.what()), 3;
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "error: %s\n", error.what()), 1;
  }
  return 0;
}
