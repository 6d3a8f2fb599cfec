#include "coordinator/run_journal.h"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "coordinator/record_output.h"
#include "coordinator/round_figures.h"
#include "core/clock.h"

namespace fennec {

namespace {

using Json = nlohmann::ordered_json;

std::filesystem::path emptied(const std::filesystem::path& file) {
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  return file;
}

}  // namespace

std::string human_bytes(std::int64_t bytes) {
  const auto b = static_cast<double>(bytes);
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1000000) return fmt::format("{:.1f} kB", b / 1e3);
  if (bytes < 1000000000) return fmt::format("{:.1f} MB", b / 1e6);
  return fmt::format("{:.2f} GB", b / 1e9);
}

RunJournal::RunJournal(const RunDirectory& run, int total_rounds, bool json,
                       std::optional<PrivacySummary> privacy)
    : total_rounds_(total_rounds),
      json_(json),
      privacy_(std::move(privacy)),
      events_(run.events()),
      metrics_(emptied(run.metrics())) {}

void RunJournal::restore(const std::vector<RoundRecord>& rounds,
                         const std::vector<EvaluationRecord>& evaluations) {
  for (const RoundRecord& record : rounds) write_round(record);
  for (const EvaluationRecord& record : evaluations) {
    fennec::write_metrics(metrics_, record);
    if (!first_) first_ = record;
    last_ = record;
  }
}

void RunJournal::listening(const std::string& run_name, const std::string& run_id,
                           const std::string& endpoint) {
  event("listening", "", -1, endpoint);
  if (json_)
    return print_line(Json{{"event", "listening"}, {"run", run_id}, {"endpoint", endpoint}}.dump());
  print_line(fmt::format("run {} ({}) listens on {}", run_name, run_id, endpoint));
}

void RunJournal::round_committed(const RoundRecord& r) {
  write_round(r);
  event("round_committed", "", r.round.value);
  if (json_) {
    Json out{{"event", "round"},
             {"round", r.round.value},
             {"of", total_rounds_},
             {"loss", r.loss},
             {"updates", r.participants.size()},
             {"supervised_tokens", r.supervised_tokens},
             {"bytes_up", r.bytes_up},
             {"bytes_down", r.bytes_down},
             {"wall_s", r.wall_s},
             {"adapter_sha256", r.adapter_sha256}};
    if (!std::isnan(r.epsilon)) out["epsilon"] = r.epsilon;
    return print_line(out.dump());
  }
  std::string line = fmt::format("round {}/{}  loss {:.4f}  {} updates  {} up  {} down  {:.1f} s",
                                 r.round.value, total_rounds_, r.loss, r.participants.size(),
                                 human_bytes(r.bytes_up), human_bytes(r.bytes_down), r.wall_s);
  if (!std::isnan(r.epsilon)) line += fmt::format("  epsilon {:.3f}", r.epsilon);
  print_line(line);
}

void RunJournal::evaluated(const EvaluationRecord& e) {
  fennec::write_metrics(metrics_, e);
  event("evaluated", "", e.after_round.value);
  if (!first_) first_ = e;
  last_ = e;
  if (json_)
    return print_line(Json{{"event", "evaluation"},
                           {"after_round", e.after_round.value},
                           {"clients", e.clients},
                           {"examples", e.num_examples},
                           {"metrics", to_json(e.metrics)}}
                          .dump());
  print_line(fmt::format("held-out after round {} ({} clients, {} examples){}", e.after_round.value,
                         e.clients, e.num_examples, headlines(e)));
}

void RunJournal::finished(const RunDirectory& run, AdapterVersion version) {
  event("finished");
  const std::string adapter = (run.adapters() / fmt::format("{:04}", version.value)).string();
  if (json_)
    return print_line(Json{{"event", "finished"},
                           {"version", version.value},
                           {"adapter", adapter},
                           {"report", run.report().string()},
                           {"before", first_ ? to_json(first_->metrics) : Json()},
                           {"after", last_ ? to_json(last_->metrics) : Json()}}
                          .dump());
  if (first_ && last_) print_line(headline_changes(*first_, *last_));
  print_line("adapter   " + adapter);
  print_line("report    " + run.report().string());
}

void RunJournal::stopped() {
  event("stopped");
  if (!json_) print_line("stopped; `serve` again continues where it was");
}

void RunJournal::event(const char* what, const std::string& client, std::int64_t round,
                       const std::string& detail) {
  events_.write({{"time", wall_time_iso8601()},
                 {"event", std::string(what)},
                 {"client", client},
                 {"round", round},
                 {"detail", detail}});
}

void RunJournal::write_round(const RoundRecord& record) {
  metrics_.write(metric_fields(record));
  write_aggregation_metrics(metrics_, record);
  write_privacy_metrics(metrics_, record, privacy_);
}

}  // namespace fennec
