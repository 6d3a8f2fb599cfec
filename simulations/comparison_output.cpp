#include "simulations/comparison_output.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "coordinator/report_page.h"
#include "coordinator/report_plot.h"

namespace fennec {
namespace {

using Json = nlohmann::ordered_json;

std::string shown(const MeanStd& v, int digits) {
  if (!std::isfinite(v.mean)) return "–";
  if (!std::isfinite(v.std)) return fmt::format("{:.{}f}", v.mean, digits);
  return fmt::format("{:.{}f} ± {:.{}f}", v.mean, digits, v.std, digits);
}

int digits_of(double value) { return std::abs(value) < 100 ? 4 : 1; }

std::vector<std::string> head(const Comparison& c) {
  return {"variant", c.metric, "worst 10 %", "rounds", "MB up", "MB down", "device s", "simulated s"};
}

std::vector<std::string> row(const VariantSummary& v) {
  const int digits = digits_of(v.metric.mean);
  return {v.name,
          shown(v.metric, digits),
          shown(v.worst, digits),
          shown({v.rounds.mean, NAN}, 1),
          shown({v.mb_up.mean, NAN}, 2),
          shown({v.mb_down.mean, NAN}, 2),
          shown({v.device_s.mean, NAN}, 0),
          shown({v.seconds.mean, NAN}, 0)};
}

std::string equal_text(const Comparison& c) {
  return fmt::format("{:g} {} a run at most, {} seed{}", c.budget, c.equal->unit, c.seeds.size(),
                     c.seeds.size() == 1 ? "" : "s");
}

/// Characters of UTF-8 text that take a column.
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

Json to_json(const MeanStd& v) { return Json{{"mean", v.mean}, {"std", v.std}}; }

Json to_json(const VariantSummary& v) {
  Json curve = Json::array();
  for (const SummaryPoint& p : v.curve)
    curve.push_back({{"round", p.spent.round},
                     {"mb_up", p.spent.mb_up},
                     {"mb_down", p.spent.mb_down},
                     {"device_s", p.spent.device_s},
                     {"seconds", p.spent.seconds},
                     {"metric", to_json(p.metric)}});
  return Json{{"name", v.name},
              {"seeds", v.seeds},
              {"before", to_json(v.before)},
              {"metric", to_json(v.metric)},
              {"worst_tenth", to_json(v.worst)},
              {"rounds", to_json(v.rounds)},
              {"mb_up", to_json(v.mb_up)},
              {"mb_down", to_json(v.mb_down)},
              {"device_s", to_json(v.device_s)},
              {"seconds", to_json(v.seconds)},
              {"curve", curve}};
}

std::string plot_over(const Comparison& c, const std::vector<VariantSummary>& variants,
                      const char* measure, const char* label) {
  Plot plot{c.metric + " over " + label, label, c.metric, {}};
  for (const VariantSummary& v : variants) {
    PlotSeries series{v.name, {}};
    for (const SummaryPoint& p : v.curve) {
      series.points.emplace_back(find_measure(measure)->of(p.spent), p.metric.mean);
      if (v.seeds > 1) series.spread.push_back(p.metric.std);
    }
    plot.series.push_back(std::move(series));
  }
  return plot_svg(plot);
}

}  // namespace

std::string comparison_table(const Comparison& c, const std::vector<VariantSummary>& variants) {
  std::vector<std::vector<std::string>> rows{head(c)};
  for (const VariantSummary& v : variants) rows.push_back(row(v));
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& cells : rows)
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], columns(cells[i]));
  std::string out =
      fmt::format("{}: {}; {} before training {}\n", c.name, equal_text(c), c.metric,
                  shown(variants.front().before, digits_of(variants.front().before.mean)));
  for (const auto& cells : rows) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string pad(widths[i] - columns(cells[i]), ' ');
      line += (i == 0 ? "" : "  ") + (i == 0 ? cells[i] + pad : pad + cells[i]);
    }
    out += line + "\n";
  }
  return out;
}

std::string comparison_json(const Comparison& c, const std::vector<VariantSummary>& variants) {
  Json out{{"name", c.name},     {"metric", c.metric}, {"equal", c.equal->name},
           {"budget", c.budget}, {"seeds", c.seeds},   {"variants", Json::array()}};
  for (const VariantSummary& v : variants) out["variants"].push_back(to_json(v));
  return out.dump();
}

std::string comparison_html(const Comparison& c, const std::vector<VariantSummary>& variants) {
  std::string body = "<div class=\"plots\">\n" + plot_over(c, variants, "rounds", "rounds") +
                     plot_over(c, variants, "bytes_up", "MB up") +
                     plot_over(c, variants, "bytes", "MB up and down") +
                     plot_over(c, variants, "seconds", "simulated seconds") + "</div>\n";
  std::vector<std::vector<std::string>> rows;
  for (const VariantSummary& v : variants) rows.push_back(row(v));
  body += "<h2>At the end</h2>\n" + html_table(head(c), rows) +
          "<p class=\"sub\">Mean ± standard deviation over the seeds; bands in the plots are the same. "
          "Megabytes and device seconds are of all devices together; evaluations cost nothing.</p>\n";
  for (std::size_t i = 0; i < c.variants.size(); ++i)
    body += "<details><summary>" + escape_html(c.variants[i].name) + "</summary><pre>" +
            escape_html(to_yaml(c.variants[i].runs.front())) + "</pre></details>\n";
  return html_page(c.name, equal_text(c), body);
}

}  // namespace fennec
