#include "coordinator/record_output.h"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace fennec {
namespace {

constexpr const char* kHeadlines[] = {"loss", "accuracy", "macro_f1", "mae"};

}  // namespace

MetricFields metric_fields(const RoundRecord& r) {
  return {{"kind", std::string("round")},
          {"round", r.round.value},
          {"version", r.version.value},
          {"loss", r.loss},
          {"updates", static_cast<std::int64_t>(r.participants.size())},
          {"examples", r.num_examples},
          {"supervised_tokens", r.supervised_tokens},
          {"update_norm", r.update_norm},
          {"bytes_up", r.bytes_up},
          {"bytes_down", r.bytes_down},
          {"wall_s", r.wall_s},
          {"adapter_sha256", r.adapter_sha256}};
}

void write_metrics(MetricsWriter& metrics, const EvaluationRecord& e) {
  for (const auto& [name, value] : e.metrics)
    metrics.write({{"kind", std::string("evaluation")},
                   {"round", e.after_round.value},
                   {"version", e.version.value},
                   {"clients", e.clients},
                   {"examples", e.num_examples},
                   {"metric", name},
                   {"value", value}});
}

nlohmann::ordered_json to_json(const MetricList& metrics) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  for (const auto& [name, value] : metrics) out[name] = value;
  return out;
}

std::string headlines(const EvaluationRecord& record) {
  std::string out;
  for (const char* name : kHeadlines)
    if (const auto value = record.metric(name)) out += fmt::format("  {} {:.4f}", name, *value);
  return out;
}

std::string headline_changes(const EvaluationRecord& before, const EvaluationRecord& after) {
  std::string line = "held-out";
  for (const char* name : kHeadlines) {
    const auto from = before.metric(name), to = after.metric(name);
    if (from && to) line += fmt::format("  {} {:.4f} → {:.4f}", name, *from, *to);
  }
  return line;
}

void print_line(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace fennec
