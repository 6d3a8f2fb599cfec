#include "coordinator/report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "coordinator/report_page.h"
#include "coordinator/report_plot.h"
#include "coordinator/round_figures.h"
#include "coordinator/run_journal.h"

namespace fennec {

namespace {

constexpr std::size_t kMostParticipantRows = 2000;  // a page a phone can still open

std::string decimal(double v, int digits = 4) {
  return std::isfinite(v) ? fmt::format("{:.{}f}", v, digits) : "–";
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

/// Under secure aggregation nothing is known of single updates.
bool sums_only(const ReportInput& input) {
  return std::any_of(input.rounds.begin(), input.rounds.end(),
                     [](const RoundRecord& r) { return r.secure.sums > 0; });
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
  PlotSeries ages{"updates", {}};
  for (const std::int64_t updates : staleness_histogram(input.rounds))
    ages.points.emplace_back(static_cast<double>(ages.points.size()), static_cast<double>(updates));
  out +=
      plot_svg({"Staleness of the updates", "versions committed meanwhile", "updates", {ages}, true});
  if (input.privacy)
    return out +
           plot_svg({"Privacy spent",
                     round,
                     "epsilon",
                     {per_round(input, "epsilon", [](const RoundRecord& r) { return r.epsilon; })},
                     true}) +
           "</div>\n";  // norms of single updates are not covered by epsilon
  if (sums_only(input))
    return out +
           plot_svg({"Values clipped",
                     round,
                     "share, mean over the devices",
                     {per_round(input, "clipped",
                                [](const RoundRecord& r) { return r.secure.clipped_share; })},
                     true}) +
           "</div>\n";
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
  return html_table({"round", "training loss", "updates", "examples", "supervised tokens",
                     "update norm", "up", "down", input.virtual_time ? "simulated s" : "s", "adapter"},
                    rows);
}

std::string evaluation_table(const ReportInput& input) {
  std::vector<std::vector<std::string>> rows;
  for (const EvaluationRecord& e : input.evaluations)
    for (const auto& [name, value] : e.metrics)
      rows.push_back({std::to_string(e.after_round.value), name, decimal(value),
                      std::to_string(e.clients), std::to_string(e.num_examples)});
  return html_table({"after round", "figure", "value", "clients", "examples"}, rows);
}

std::string reopened_table(const ReportInput& input) {
  std::vector<std::vector<std::string>> rows;
  for (const RoundRecord& r : input.rounds)
    for (const ReopenedRound& reopened : r.reopened)
      if (rows.size() < kMostParticipantRows)
        rows.push_back({std::to_string(r.round.value), reopened.abort.empty() ? "–" : reopened.abort,
                        reopened.reason});
  return rows.empty() ? "" : "<h2>Opened again</h2>\n" + html_table({"round", "abort", "reason"}, rows);
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
  std::string out = html_table({"round", "client", "training loss", "examples", "supervised tokens",
                                "steps", "update norm", "up", "training s"},
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
  return rows.empty() ? "" : "<h2>Refused</h2>\n" + html_table({"round", "client", "reason"}, rows);
}

std::string tiles(const ReportInput& input) {
  std::string out = "<div class=\"tiles\">";
  const auto tile = [&](const std::string& label, const std::string& value) {
    out += html_tile(label, value);
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
  std::string subtitle = input.subtitle;
  if (!input.generated.empty()) subtitle += " · " + input.generated;
  std::string out = tiles(input) + plots(input);
  if (input.privacy)
    out += "<h2>Differential privacy</h2>\n<p>" + escape_html(to_string(*input.privacy)) + "</p>\n";
  out += "<h2>Rounds</h2>\n" + round_table(input);
  out += reopened_table(input);
  out += "<h2>Held-out evaluations</h2>\n" + evaluation_table(input);
  if (!input.privacy)  // who took part stays with the coordinator
    out += rejected_table(input) + "<details><summary>Participants</summary>\n" +
           participant_table(input) + "</details>\n";
  out += "<details><summary>Experiment</summary><pre>" + escape_html(input.experiment_yaml) +
         "</pre></details>\n";
  return html_page(input.title, subtitle, out);
}

}  // namespace fennec
