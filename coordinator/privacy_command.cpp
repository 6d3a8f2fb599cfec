#include "coordinator/privacy_command.h"

#include <cmath>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "privacy/accountant.h"
#include "privacy/accounting/calibration.h"
#include "privacy/secagg_config.h"

namespace fennec {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kHelp =
    R"(An (epsilon, delta) is a limit on what anyone can learn about one device from
everything that was released: below 1 is strong, above 8 says little. delta must be far below 1/population.
  how much noise for epsilon 2 over 500 rounds, 64 of 10 000 devices a round?
    fennec-coordinator privacy plan --epsilon 2 --delta 1e-6 --rounds 500 --cohort 64 --population 10000
  what does a noise multiplier of 1.1 promise?
    fennec-coordinator privacy epsilon --sampling-rate 0.0064 --noise-multiplier 1.1 --steps 500 --delta 1e-6
Put the multiplier into privacy.dp.noise_multiplier of an experiment; docs/differential_privacy.md says the rest.)";

void check_accountant(const std::string& mechanism, const std::string& accountant) {
  if (mechanism == "distributed" && accountant == "pld")
    throw ConfigError("--accountant pld does not cover sums of discrete Gaussians; use rdp or zcdp");
}

void check(const PrivacyEpsilonCommand& c) {
  if (!(c.sampling_rate >= 0 && c.sampling_rate <= 1))
    throw ConfigError(fmt::format("--sampling-rate must be between 0 and 1, is {}", c.sampling_rate));
  if (!(c.noise_multiplier > 0))
    throw ConfigError(fmt::format("--noise-multiplier must be above 0, is {}", c.noise_multiplier));
  if (!(c.delta > 0 && c.delta < 1))
    throw ConfigError(fmt::format("--delta must lie between 0 and 1, is {}", c.delta));
  if (c.steps < 1) throw ConfigError(fmt::format("--steps must be at least 1, is {}", c.steps));
  if (c.mechanism != "central" && c.sampling_rate != 1)
    throw ConfigError("--mechanism " + c.mechanism +
                      " has no amplification by sampling: --sampling-rate must be 1");
  check_accountant(c.mechanism, c.accountant);
}

std::uint32_t noisy_survivors(const PrivacyPlanCommand& c) {
  SecAggConfig secagg;
  secagg.dropouts = c.dropouts;
  secagg.corrupt = c.corrupt;
  return secagg.noisy_survivors(static_cast<int>(c.cohort));
}

/// Noise on a coordinate of the mean, over the clip norm.
double relative_noise(const PrivacyPlanCommand& c, double z) {
  const auto cohort = static_cast<double>(c.cohort);
  if (c.mechanism == "local") return z / std::sqrt(cohort);  // each device adds z·C
  if (c.mechanism == "distributed") return z / std::sqrt(cohort * noisy_survivors(c));
  return z / cohort;
}

void check(const PrivacyPlanCommand& c) {
  if (!(c.epsilon > 0)) throw ConfigError(fmt::format("--epsilon must be above 0, is {}", c.epsilon));
  if (!(c.delta > 0 && c.delta < 1))
    throw ConfigError(fmt::format("--delta must lie between 0 and 1, is {}", c.delta));
  if (c.rounds < 1 || c.cohort < 1) throw ConfigError("--rounds and --cohort must be at least 1");
  if (c.population < c.cohort)
    throw ConfigError(
        fmt::format("--population must be at least --cohort ({}), is {}", c.cohort, c.population));
  check_accountant(c.mechanism, c.accountant);
  if (c.mechanism == "distributed" && (c.cohort < kFewestSurvivors || noisy_survivors(c) < 1))
    throw ConfigError(
        fmt::format("--dropouts {:g} and --corrupt {:g} leave nobody of --cohort {} whose noise counts",
                    c.dropouts, c.corrupt, c.cohort));
}

bool is_sampled(const PrivacyPlanCommand& c) {
  return c.mechanism == "central" && c.sampling == "poisson";
}

Json statement(const PrivacyStatement& s) {
  return {{"unit", s.unit},
          {"neighbouring", s.neighbouring},
          {"sampling", s.sampling},
          {"adversary", s.adversary}};
}

std::string statement_lines(const PrivacyStatement& s) {
  return fmt::format("unit          {}\nneighbours    {}\nsampling      {}\nagainst       {}\n", s.unit,
                     s.neighbouring, s.sampling, s.adversary);
}

void add_epsilon(CLI::App& privacy, PrivacyEpsilonCommand& e) {
  auto* c = privacy.add_subcommand("epsilon", "What so much noise promises");
  c->footer(kHelp);
  c->add_option("--sampling-rate", e.sampling_rate,
                "chance of a unit to be in a step, Poisson; 1 = no amplification (default)");
  c->add_option("--noise-multiplier", e.noise_multiplier, "noise std over the clip norm")->required();
  c->add_option("--steps", e.steps, "noised releases")->required();
  c->add_option("--delta", e.delta, "e.g. 1e-6")->required();
  c->add_option("--accountant", e.accountant, "rdp, pld (tighter) or zcdp (no sampling)")
      ->check(CLI::IsMember({"rdp", "pld", "zcdp"}));
  c->add_option("--mechanism", e.mechanism, "central, local, distributed (secure sums) or tree")
      ->check(CLI::IsMember({"central", "local", "distributed", "tree"}));
  c->add_option("--unit", e.unit, "user (all data of a device) or example")
      ->check(CLI::IsMember({"user", "example"}));
  c->add_flag("--json", e.json, "one JSON object");
  c->callback([&e] { fmt::print("{}", privacy_epsilon_text(e)); });
}

void add_plan(CLI::App& privacy, PrivacyPlanCommand& p) {
  auto* c = privacy.add_subcommand("plan", "How much noise a promise takes");
  c->footer(kHelp);
  c->add_option("--epsilon", p.epsilon, "the promise")->required();
  c->add_option("--delta", p.delta, "e.g. 1e-6; far below 1/population")->required();
  c->add_option("--rounds", p.rounds, "rounds of the run")->required();
  c->add_option("--cohort", p.cohort, "devices a round, expected")->required();
  c->add_option("--population", p.population, "devices that a cohort is drawn from")->required();
  c->add_option("--mechanism", p.mechanism, "central, local, distributed (secure sums) or tree")
      ->check(CLI::IsMember({"central", "local", "distributed", "tree"}));
  c->add_option("--dropouts", p.dropouts, "distributed: privacy.secagg.dropouts")
      ->check(CLI::Range(0.0, 0.99));
  c->add_option("--corrupt", p.corrupt, "distributed: privacy.secagg.corrupt")
      ->check(CLI::Range(0.0, 0.99));
  c->add_option("--sampling", p.sampling, "poisson (secret cohorts) or fixed (no amplification)")
      ->check(CLI::IsMember({"poisson", "fixed"}));
  c->add_option("--accountant", p.accountant, "rdp, pld (tighter) or zcdp (no sampling)")
      ->check(CLI::IsMember({"rdp", "pld", "zcdp"}));
  c->add_flag("--json", p.json, "one JSON object");
  c->callback([&p] { fmt::print("{}", privacy_plan_text(p)); });
}

}  // namespace

std::string privacy_epsilon_text(const PrivacyEpsilonCommand& c) {
  check(c);
  const Releases releases{c.sampling_rate, c.noise_multiplier, c.steps, c.mechanism == "tree"};
  const EpsilonBound bound = epsilon_bound(accounting_of(c.accountant), {releases}, c.delta);
  const PrivacyStatement means = statement_of(c.mechanism, c.unit, c.sampling_rate < 1);
  if (c.json) {
    Json out{{"epsilon", bound.epsilon},
             {"delta", c.delta},
             {"accountant", c.accountant},
             {"sampling_rate", c.sampling_rate},
             {"noise_multiplier", c.noise_multiplier},
             {"steps", c.steps}};
    if (bound.order > 0) out["order"] = bound.order;
    out.update(statement(means));
    return out.dump(2) + "\n";
  }
  std::string out = fmt::format("epsilon       {:.4f}  at delta {:g}\naccountant    {}", bound.epsilon,
                                c.delta, c.accountant);
  if (bound.order > 0) out += fmt::format(", order {:g}", bound.order);
  return out + "\n" + statement_lines(means);
}

std::string privacy_plan_text(const PrivacyPlanCommand& c) {
  check(c);
  const Accounting accounting = accounting_of(c.accountant);
  const double cohort = static_cast<double>(c.cohort);
  const double rate = is_sampled(c) ? cohort / static_cast<double>(c.population) : 1;
  const auto epsilon_at = [&](double z) {
    return epsilon_bound(accounting, {{rate, z, c.rounds, c.mechanism == "tree"}}, c.delta).epsilon;
  };
  const double z = calibrate_noise(epsilon_at, c.epsilon);
  const double epsilon = epsilon_at(z);
  const double relative = relative_noise(c, z);
  const PrivacyStatement means = statement_of(c.mechanism, "user", is_sampled(c));
  const bool weak_delta = c.delta * static_cast<double>(c.population) > 1;
  if (c.json) {
    Json out{{"noise_multiplier", z},      {"epsilon", epsilon},
             {"delta", c.delta},           {"accountant", c.accountant},
             {"mechanism", c.mechanism},   {"sampling_rate", rate},
             {"rounds", c.rounds},         {"noise_per_coordinate_over_clip", relative},
             {"delta_is_weak", weak_delta}};
    out.update(statement(means));
    return out.dump(2) + "\n";
  }
  std::string out = fmt::format(
      "noise multiplier  {:.6f}\nepsilon       {:.4f}  at delta {:g}, after {} rounds\naccountant    "
      "{}, "
      "sampling rate {:g}\nnoise         std {:.3g} of the clip norm on each coordinate of the mean\n",
      z, epsilon, c.delta, c.rounds, c.accountant, rate, relative);
  out += statement_lines(means);
  if (weak_delta)
    out +=
        fmt::format("warning: delta above 1/population ({:.1e}) allows one device to be shown openly\n",
                    1 / static_cast<double>(c.population));
  return out;
}

void add_privacy_commands(CLI::App& app, PrivacyCommands& commands) {
  auto* privacy = app.add_subcommand("privacy", "Plan and check differential privacy (no run needed)");
  privacy->require_subcommand(1);
  privacy->footer(kHelp);
  add_epsilon(*privacy, commands.epsilon);
  add_plan(*privacy, commands.plan);
}

}  // namespace fennec
