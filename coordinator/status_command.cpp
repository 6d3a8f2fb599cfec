#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "coordinator/commands.h"
#include "coordinator/ledger.h"
#include "coordinator/run_directory.h"
#include "coordinator/run_journal.h"

namespace fennec {

namespace {

using Json = nlohmann::ordered_json;

struct Snapshot {
  Experiment experiment;
  RunIdentity identity;
  RunState state;
  std::vector<EnrolledClient> clients;
  std::vector<RoundRecord> rounds;
  std::vector<EvaluationRecord> evaluations;
  std::optional<PrivacySummary> privacy;

  bool finished() const {
    return state.last_committed.value >= experiment.rounds.total && state.evaluated;
  }
};

Snapshot take(const RunDirectory& run) {
  Experiment experiment = run.load_experiment();
  const Ledger ledger(run.ledger(), true);
  std::optional<PrivacySummary> privacy = privacy_summary(experiment, ledger.privacy_releases(), false);
  return {std::move(experiment), ledger.identity(),    ledger.run_state(), ledger.clients(),
          ledger.rounds(),       ledger.evaluations(), std::move(privacy)};
}

std::string as_json(const Snapshot& s) {
  Json out{{"run", s.identity.run_id},
           {"name", s.experiment.name},
           {"experiment_hash", s.identity.experiment_hash},
           {"base_digest", s.identity.base_digest},
           {"rounds_total", s.experiment.rounds.total},
           {"rounds_committed", s.state.last_committed.value},
           {"finished", s.finished()},
           {"adapter_version", s.state.version.value},
           {"adapter_sha256", s.state.adapter_sha256},
           {"open_cohort", Json::array()},
           {"stored_updates", Json::array()},
           {"clients", Json::array()},
           {"rounds", Json::array()},
           {"evaluations", Json::array()}};
  if (s.privacy)
    out["privacy"] = {{"epsilon", s.privacy->epsilon},
                      {"delta", s.privacy->delta},
                      {"budget", s.privacy->budget},
                      {"accountant", s.privacy->accountant},
                      {"releases", s.privacy->releases},
                      {"unit", s.privacy->means.unit},
                      {"neighbouring", s.privacy->means.neighbouring},
                      {"sampling", s.privacy->means.sampling},
                      {"adversary", s.privacy->means.adversary}};
  for (const ClientId& client : s.state.open_cohort) out["open_cohort"].push_back(client.name);
  for (const auto& [client, offer] : s.state.stored) out["stored_updates"].push_back(client.name);
  for (const EnrolledClient& c : s.clients)
    out["clients"].push_back(
        {{"name", c.client.name}, {"enrolled", c.enrolled}, {"revoked", c.revoked}, {"seen", c.seen}});
  for (const RoundRecord& r : s.rounds)
    out["rounds"].push_back({{"round", r.round.value},
                             {"loss", r.loss},
                             {"updates", r.participants.size()},
                             {"bytes_up", r.bytes_up},
                             {"bytes_down", r.bytes_down},
                             {"wall_s", r.wall_s},
                             {"adapter_sha256", r.adapter_sha256}});
  for (const EvaluationRecord& e : s.evaluations) {
    Json metrics = Json::object();
    for (const auto& [name, value] : e.metrics) metrics[name] = value;
    out["evaluations"].push_back(
        {{"after_round", e.after_round.value}, {"clients", e.clients}, {"metrics", metrics}});
  }
  return out.dump(2) + "\n";
}

std::string as_text(const Snapshot& s) {
  std::string out = fmt::format("run {} ({})  {} of {} rounds committed{}\n", s.experiment.name,
                                s.identity.run_id, s.state.last_committed.value,
                                s.experiment.rounds.total, s.finished() ? ", finished" : "");
  out += fmt::format("adapter version {}  {}  sha256 {:.16}…\n", s.state.version.value,
                     human_bytes(s.state.adapter_bytes), s.state.adapter_sha256);
  if (s.privacy) out += "privacy " + to_string(*s.privacy) + "\n";
  if (!s.state.open_cohort.empty())
    out += fmt::format("round {} is open: {} of {} updates stored\n", s.state.last_committed.value + 1,
                       s.state.stored.size(), s.state.open_cohort.size());
  for (const RoundRecord& r : s.rounds)
    out += fmt::format("round {}  loss {:.4f}  {} updates  {} up  {:.1f} s\n", r.round.value, r.loss,
                       r.participants.size(), human_bytes(r.bytes_up), r.wall_s);
  for (const EvaluationRecord& e : s.evaluations) {
    out += fmt::format("held-out after round {}", e.after_round.value);
    for (const auto& [name, value] : e.metrics) out += fmt::format("  {} {:.4f}", name, value);
    out += "\n";
  }
  for (const EnrolledClient& c : s.clients)
    out += fmt::format("client {}  {}\n", c.client.name,
                       !c.revoked.empty() ? "revoked " + c.revoked
                       : c.seen           ? "taking part"
                                          : "enrolled");
  return out;
}

}  // namespace

std::string status_text(const StatusCommand& command) {
  const Snapshot snapshot = take(RunDirectory{command.run});
  return command.json ? as_json(snapshot) : as_text(snapshot);
}

void show_status(const StatusCommand& command) { fmt::print("{}", status_text(command)); }

}  // namespace fennec
