#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/commands.h"
#include "client/doctor_budget.h"
#include "client/doctor_checks.h"
#include "core/error.h"

namespace fennec {
namespace {

struct DoctorCommand {
  std::string bundle, base, data, budget;
  bool json = false;
};

std::vector<Check> examine(const DoctorCommand& options) {
  std::vector<Check> checks = {check_zeromq(), check_memory(options.base), check_disk(".")};
  const auto add = [&](std::vector<Check> more) {
    std::move(more.begin(), more.end(), std::back_inserter(checks));
  };
  if (!options.base.empty()) add(check_base(options.base));
  if (!options.data.empty()) add({check_data(options.data)});
  if (!options.bundle.empty()) add(check_bundle(options.bundle));
  return checks;
}

int run_doctor(const DoctorCommand& options) {
  if (!options.budget.empty()) {
    if (options.base.empty())
      throw ConfigError("doctor: --budget needs --base, the model to fit into it");
    return print_training_plan(options.base, options.budget, options.json);
  }
  const std::vector<Check> checks = examine(options);
  const bool healthy =
      std::all_of(checks.begin(), checks.end(), [](const Check& check) { return check.healthy; });
  if (options.json) {
    nlohmann::ordered_json out = {{"healthy", healthy}, {"checks", nlohmann::ordered_json::array()}};
    for (const Check& check : checks)
      out["checks"].push_back(
          {{"name", check.name}, {"healthy", check.healthy}, {"detail", check.detail}});
    fmt::print("{}\n", out.dump());
  } else {
    for (const Check& check : checks)
      fmt::print("{:<5} {:<9} {}\n", check.healthy ? "ok" : "FAULT", check.name, check.detail);
    fmt::print("{}\n", healthy ? "healthy" : "not healthy");
  }
  return healthy ? 0 : 1;
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<DoctorCommand>();
  CLI::App* command = app.add_subcommand(
      "doctor", "checks whether this device can take part; exit code 0 = healthy, 1 = not");
  command->add_option("--bundle", options->bundle, "enrolment bundle: permissions, keys, endpoint");
  command->add_option("--base", options->base, "base model: loads, digest, training speed");
  command->add_option("--data", options->data, "prepared device directory");
  command->add_option(
      "--budget", options->budget,
      "memory that training may take, e.g. 600MB: what to configure so that --base fits, and "
      "nothing else; exit code 1 = nothing fits");
  command->add_flag("--json", options->json, "print the findings as one JSON object");
  command->footer(
      "Example:\n"
      "  fennec-client doctor --bundle s02_phone.bundle --base models/sensor-tiny --data "
      "data/s02_phone\n"
      "  fennec-client doctor --base models/sensor-tiny --budget 230MB\n");
  command->callback([&action, options] { action = [options] { return run_doctor(*options); }; });
}

}  // namespace fennec
