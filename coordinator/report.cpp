#include "coordinator/report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "coordinator/report_plot.h"
#include "coordinator/round_figures.h"
#include "coordinator/run_journal.h"

namespace fennec {

namespace {

constexpr const char* kStyle = R"(<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1c2530;background:#fff;margin:0 auto;max-width:1180px;padding:24px 16px}
h1{font-size:26px;margin:0}h2{font-size:18px;margin:32px 0 8px}p.sub{color:#5b6773;margin:2px 0 16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px}
.tile{border:1px solid #e1e6eb;border-radius:8px;padding:8px 12px;overflow-wrap:anywhere}.tile b{display:block;font-size:12px;font-weight:500;color:#5b6773}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:12px;margin-top:16px}
figure{margin:0;border:1px solid #e1e6eb;border-radius:8px;padding:8px}svg{width:100%;height:auto;display:block}
.t{font:12px system-ui,sans-serif;fill:#44505c}.h{font:600 14px system-ui,sans-serif;fill:#1c2530}.m{text-anchor:middle}.e{text-anchor:end}
.grid{stroke:#e9edf1}.axis{stroke:#8b96a1}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{text-align:right;padding:4px 10px;border-bottom:1px solid #e9edf1;white-space:nowrap}th:first-child,td:first-child{text-align:left}
th{color:#5b6773;font-weight:500}pre{background:#f6f8fa;border-radius:8px;padding:12px;overflow-x:auto;font-size:13px}
summary{cursor:pointer;color:#0072b2}
</style>
)";

constexpr std::size_t kMostParticipantRows = 2000;  // a page a phone can still open

std::string decimal(double v, int digits = 4) {
  return std::isfinite(v) ? fmt::format("{:.{}f}", v, digits) : "–";
}

std::string table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"wide\"><table><thead><tr>";
  for (const std::string& cell : head) out += "<th>" + escape_html(cell) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += "<td>" + escape_html(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

template <class Value>
PlotSeries per_round(const ReportInput& input, const std::string& name, Value value) {
  PlotSeries series{name, {}};
  for (const RoundRecord& r : input.rounds)
    series.points.emplace_back(static_cast<double>(r.round.value), value(r));
  return series;
}

PlotSeries per_evaluation(const ReportInput& input, const std::string& name,
                          const std::string& metric) {
  PlotSeries series{name, {}};
  for (const EvaluationRecord& e : input.evaluations)
    if (const auto value = e.metric(metric))
      series.points.emplace_back(static_cast<double>(e.after_round.value), *value);
  return series;
}

/// Held-out figures whose last name is one of `kinds`: the overall one first, then the tasks'.
std::vector<PlotSeries> scores(const ReportInput& input, const std::set<std::string>& kinds) {
  constexpr std::size_t kMostSeries = 6;
  std::vector<std::string> names;
  for (const EvaluationRecord& e : input.evaluations)
    for (const auto& [name, value] : e.metrics) {
      const bool wanted = kinds.contains(name.substr(name.rfind('.') + 1));
      if (wanted && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
    return (a.find('.') == std::string::npos) > (b.find('.') == std::string::npos);
  });
  if (names.size() > kMostSeries) names.resize(kMostSeries);
  std::vector<PlotSeries> out;
  for (const std::string& name : names) out.push_back(per_evaluation(input, name, name));
  return out;
}

std::string plots(const ReportInput& input) {
  const std::string round = "round", seconds = input.virtual_time ? "simulated seconds" : "seconds";
  std::string out = "<div class=\"plots\">\n";
  out += plot_svg({"Loss",
                   round,
                   "nats per supervised token",
                   {per_round(input, "training", [](const RoundRecord& r) { return r.loss; }),
                    per_evaluation(input, "held-out", "loss")}});
  out += plot_svg(
      {"Held-out score", "after round", "share", scores(input, {"accuracy", "macro_f1"}), false, true});
  out += plot_svg({"Held-out forecast error", "after round", "mean absolute error",
                   scores(input, {"mae"}), false, true});
  out += plot_svg({"Bytes per round",
                   round,
                   "bytes",
                   {per_round(input, "up (updates)",
                              [](const RoundRecord& r) { return static_cast<double>(r.bytes_up); }),
                    per_round(input, "down (adapters)",
                              [](const RoundRecord& r) { return static_cast<double>(r.bytes_down); })},
                   true});
  out += plot_svg({"Time per round",
                   round,
                   seconds,
                   {per_round(input, seconds, [](const RoundRecord& r) { return r.wall_s; })},
                   true});
  out +=
      plot_svg({"Step of the global adapter",
                round,
                "L2 norm",
                {per_round(input, "update norm", [](const RoundRecord& r) { return r.update_norm; })},
                false,
                true});
  if (input.privacy)
    return out +
           plot_svg({"Privacy spent",
                     round,
                     "epsilon",
                     {per_round(input, "epsilon", [](const RoundRecord& r) { return r.epsilon; })},
                     true}) +
           "</div>\n";  // norms of single updates are not covered by epsilon
  out += plot_svg(
      {"Norms of the updates",
       round,
       "L2 norm",
       {per_round(input, "largest", [](const RoundRecord& r) { return norm_spread(r).largest; }),
        per_round(input, "median", [](const RoundRecord& r) { return norm_spread(r).median; }),
        per_round(input, "least", [](const RoundRecord& r) { return norm_spread(r).least; })},
       true});
  out += plot_svg({"What the mean of A and B misses",
                   round,
                   "share of the mean update",
                   {per_round(input, "cross term", [](const RoundRecord& r) { return r.cross_term; })},
                   true});
  return out + "</div>\n";
}

std::string round_table(const ReportInput& input) {
  std::vector<std::vector<std::string>> rows;
  for (const RoundRecord& r : input.rounds)
    rows.push_back({std::to_string(r.round.value), decimal(r.loss),
                    std::to_string(r.participants.size()), std::to_string(r.num_examples),
                    std::to_string(r.supervised_tokens), decimal(r.update_norm),
                    human_bytes(r.bytes_up), human_bytes(r.bytes_down), decimal(r.wall_s, 1),
                    r.adapter_sha256.substr(0, 12)});
  return table({"round", "training loss", "updates", "examples", "supervised tokens", "update norm",
                "up", "down", input.virtual_time ? "simulated s" : "s", "adapter"},
               rows);
}

std::string evaluation_table(const ReportInput& input) {
  std::vector<std::vector<std::string>> rows;
  for (const EvaluationRecord& e : input.evaluations)
    for (const auto& [name, value] : e.metrics)
      rows.push_back({std::to_string(e.after_round.value), name, decimal(value),
                      std::to_string(e.clients), std::to_string(e.num_examples)});
  return table({"after round", "figure", "value", "clients", "examples"}, rows);
}

std::string participant_table(const ReportInput& input) {
  std::vector<std::vector<std::string>> rows;
  for (const RoundRecord& r : input.rounds)
    for (const ParticipantRecord& p : r.participants) {
      if (rows.size() == kMostParticipantRows) break;
      rows.push_back({std::to_string(r.round.value), p.client.name, decimal(p.loss),
                      std::to_string(p.num_examples), std::to_string(p.supervised_tokens),
                      std::to_string(p.steps), decimal(p.update_norm), human_bytes(p.bytes_up),
                      decimal(p.train_seconds, 1)});
    }
  std::string out = table({"round", "client", "training loss", "examples", "supervised tokens", "steps",
                           "update norm", "up", "training s"},
                          rows);
  if (rows.size() == kMostParticipantRows)
    out += fmt::format("<p class=\"sub\">The first {} rows.</p>\n", kMostParticipantRows);
  return out;
}

std::string rejected_table(const ReportInput& input) {
  std::vector<std::vector<std::string>> rows;
  for (const RoundRecord& r : input.rounds)
    for (const RejectedUpdate& rejected : r.rejected)
      if (rows.size() < kMostParticipantRows)
        rows.push_back({std::to_string(r.round.value), rejected.client.name, rejected.reason});
  return rows.empty() ? "" : "<h2>Refused</h2>\n" + table({"round", "client", "reason"}, rows);
}

std::string tiles(const ReportInput& input) {
  std::string out = "<div class=\"tiles\">";
  const auto tile = [&](const std::string& label, const std::string& value) {
    out += "<div class=\"tile\"><b>" + escape_html(label) + "</b>" + escape_html(value) + "</div>";
  };
  if (input.evaluations.size() > 1)
    for (const char* name : {"loss", "accuracy", "mae"}) {
      const auto before = input.evaluations.front().metric(name),
                 after = input.evaluations.back().metric(name);
      if (before && after)
        tile(std::string("Held-out ") + name, decimal(*before, 3) + " → " + decimal(*after, 3));
    }
  if (!input.rounds.empty() && !input.rounds.back().codec.empty())
    tile("Codec", input.rounds.back().codec);
  for (const auto& [label, value] : input.facts) tile(label, value);
  return out + "</div>\n";
}

}  // namespace

std::string report_html(const ReportInput& input) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n";
  out += "<title>" + escape_html(input.title) + "</title>\n" + kStyle + "</head><body>\n";
  out += "<h1>" + escape_html(input.title) + "</h1>\n<p class=\"sub\">" + escape_html(input.subtitle);
  if (!input.generated.empty()) out += " · " + escape_html(input.generated);
  out += "</p>\n" + tiles(input) + plots(input);
  if (input.privacy)
    out += "<h2>Differential privacy</h2>\n<p>" + escape_html(to_string(*input.privacy)) + "</p>\n";
  out += "<h2>Rounds</h2>\n" + round_table(input);
  out += "<h2>Held-out evaluations</h2>\n" + evaluation_table(input);
  if (!input.privacy)  // who took part stays with the coordinator
    out += rejected_table(input) + "<details><summary>Participants</summary>\n" +
           participant_table(input) + "</details>\n";
  out += "<details><summary>Experiment</summary><pre>" + escape_html(input.experiment_yaml) +
         "</pre></details>\n";
  return out + "</body></html>\n";
}

}  // namespace fennec
