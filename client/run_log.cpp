#include "client/run_log.h"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/evaluation_tally.h"
#include "core/log.h"
#include "privacy/accountant.h"

namespace fennec {
namespace {

using nlohmann::ordered_json;

void print(const ordered_json& line) {
  std::printf("%s\n", line.dump(-1, ' ', false, ordered_json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

}  // namespace

void RunLog::connected(const std::string& endpoint) const {
  log::info("connected to {}", endpoint);
  if (json_) print({{"event", "connected"}, {"endpoint", endpoint}});
}

void RunLog::disconnected() const {
  log::warn("connection to the coordinator lost; trying again");
  if (json_) print({{"event", "disconnected"}});
}

void RunLog::planned(const RoundPlan& plan) const {
  const char* kind = plan.kind == PlanKind::kTrain ? "train" : "evaluate";
  log::debug("round {}: {} from adapter version {}", plan.round.value, kind, plan.version.value);
  if (json_)
    print({{"event", "plan"},
           {"round", plan.round.value},
           {"kind", kind},
           {"version", plan.version.value}});
}

void RunLog::resumed(RoundId round, std::int64_t step) const {
  log::info("round {}: training goes on from its checkpoint with step {}", round.value, step);
  if (json_) print({{"event", "resumed"}, {"round", round.value}, {"step", step}});
}

void RunLog::trained(RoundId round, const TrainReport& report, std::int64_t payload_bytes) const {
  log::info(
      "round {}: trained {} steps on {} tokens of {} of {} examples in {:.1f} s, loss {:.4f} to {:.4f} "
      "nats per token; "
      "update of {} bytes",
      round.value, report.steps, report.supervised_tokens, report.examples_chosen,
      report.examples_offered, report.seconds, report.first_loss, report.last_loss, payload_bytes);
  if (json_)
    print({{"event", "trained"},
           {"round", round.value},
           {"steps", report.steps},
           {"examples_offered", report.examples_offered},
           {"examples_chosen", report.examples_chosen},
           {"supervised_tokens", report.supervised_tokens},
           {"seconds", report.seconds},
           {"first_loss", report.first_loss},
           {"last_loss", report.last_loss},
           {"bytes", payload_bytes}});
}

void RunLog::evaluated(const EvaluationReport& report) const {
  ordered_json line = {{"event", "evaluated"},
                       {"round", report.round.value},
                       {"version", report.version.value},
                       {"num_examples", report.num_examples}};
  std::string text;
  if (const auto tally = EvaluationTally::from_sums(report.metrics)) {
    for (const char* name : {"loss", "accuracy", "mae"}) {
      const auto value = tally->metric(name);
      if (!value) continue;
      text += fmt::format(", {} {:.4f}", name, *value);
      line[name] = *value;
    }
  }
  log::info("adapter version {}: evaluated on {} examples{}", report.version.value, report.num_examples,
            text);
  if (json_) print(line);
}

void RunLog::accepted(RoundId round) const {
  log::info("round {}: update accepted", round.value);
  if (json_) print({{"event", "accepted"}, {"round", round.value}});
}

void RunLog::rejected(const UpdateRejected& rejected) const {
  log::warn("round {}: update rejected ({}): {}", rejected.round.value, to_string(rejected.code),
            rejected.reason);
  if (json_)
    print({{"event", "rejected"},
           {"round", rejected.round.value},
           {"code", std::string(to_string(rejected.code))},
           {"reason", rejected.reason}});
}

void RunLog::spends(RoundId round, double epsilon, const ExampleDpConfig& config) const {
  const PrivacyStatement means = statement_of("example", "example", true);
  log::info("round {}: epsilon {:.4f}{} at delta {:g} of one training example ({}; {}; against {})",
            round.value, epsilon, config.epsilon > 0 ? fmt::format(" of {:g}", config.epsilon) : "",
            config.delta, means.neighbouring, means.sampling, means.adversary);
  if (json_)
    print({{"event", "spends_privacy"},
           {"round", round.value},
           {"epsilon", epsilon},
           {"delta", config.delta},
           {"accountant", "rdp"},
           {"unit", means.unit},
           {"neighbouring", means.neighbouring},
           {"sampling", means.sampling},
           {"adversary", means.adversary}});
}

void RunLog::masked(RoundId round, std::int64_t clipped, std::size_t values) const {
  if (clipped > 0)
    log::warn("round {}: {} of {} values were clipped to privacy.secagg.clip", round.value, clipped,
              values);
  if (json_)
    print({{"event", "masked"}, {"round", round.value}, {"clipped", clipped}, {"values", values}});
}

void RunLog::summed(RoundId round) const {
  log::info("round {}: this device's part in the secure sum is done", round.value);
  if (json_) print({{"event", "summed"}, {"round", round.value}});
}

void RunLog::not_summed(RoundId round, const std::string& abort, const std::string& reason) const {
  log::warn("round {}: secure aggregation ended for this device ({}): {}", round.value, abort, reason);
  if (json_)
    print({{"event", "not_summed"}, {"round", round.value}, {"abort", abort}, {"reason", reason}});
}

void RunLog::failed(RoundId round, const Error& error) const {
  log::warn("round {}: failed ({}): {}", round.value, to_string(error.code), error.message);
  if (json_)
    print({{"event", "failed"},
           {"round", round.value},
           {"code", std::string(to_string(error.code))},
           {"reason", error.message}});
}

void RunLog::stopped(bool success, const std::string& reason) const {
  if (success)
    log::info("{}", reason);
  else
    log::error("{}", reason);
  if (json_) print({{"event", "stopped"}, {"success", success}, {"reason", reason}});
}

}  // namespace fennec
