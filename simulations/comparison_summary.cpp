#include "simulations/comparison_summary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/error.h"
#include "core/params.h"
#include "simulations/comparison.h"

namespace fennec {
namespace {

std::optional<double> find_metric(const MetricList& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics)
    if (key == name && std::isfinite(value)) return value;
  return std::nullopt;
}

double metric_of(const CurvePoint& point, const std::string& metric) {
  if (const auto value = find_metric(point.metrics, metric)) return *value;
  std::vector<std::string> known;
  for (const auto& [name, value] : point.metrics) known.push_back(name);
  throw ConfigError("metric: " + unknown_name("figure", metric, known));
}

const CurvePoint* at_round(const RunFigures& run, std::int64_t round) {
  for (const CurvePoint& point : run.evaluations)
    if (point.round == round) return &point;
  return nullptr;
}

template <class Value>
MeanStd over(const std::vector<RunFigures>& runs, Value value) {
  std::vector<double> values;
  for (const RunFigures& run : runs) values.push_back(value(run));
  return mean_std(values);
}

MeanStd at_end(const std::vector<RunFigures>& runs, double CurvePoint::*what) {
  return over(runs, [&](const RunFigures& run) { return run.evaluations.back().*what; });
}

/// Rounds that only some seeds reached would mix different seeds in one line.
std::vector<SummaryPoint> common_curve(const std::vector<RunFigures>& runs, const std::string& metric) {
  std::vector<SummaryPoint> out;
  for (const CurvePoint& first : runs.front().evaluations) {
    std::vector<double> values;
    CurvePoint sum;
    for (const RunFigures& run : runs) {
      const CurvePoint* point = at_round(run, first.round);
      if (point == nullptr) break;
      values.push_back(metric_of(*point, metric));
      for (double CurvePoint::*what :
           {&CurvePoint::mb_up, &CurvePoint::mb_down, &CurvePoint::device_s, &CurvePoint::seconds})
        sum.*what += point->*what / static_cast<double>(runs.size());
    }
    if (values.size() != runs.size()) continue;
    sum.round = first.round;
    out.push_back({sum, mean_std(values)});
  }
  return out;
}

}  // namespace

MeanStd mean_std(const std::vector<double>& values) {
  FENNEC_CHECK(!values.empty());
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double v : values) mean += v / n;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean,
          values.size() > 1 ? std::sqrt(squares / (n - 1)) : std::numeric_limits<double>::quiet_NaN()};
}

double worst_tenth(const RunFigures& figures, const std::string& metric) {
  std::vector<double> values;
  for (const auto& [device, metrics] : figures.devices)
    if (const auto value = find_metric(metrics, metric)) values.push_back(*value);
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  if (lower_is_better(metric)) std::reverse(values.begin(), values.end());
  values.resize((values.size() + 9) / 10);
  return mean_std(values).mean;
}

VariantSummary summarise(const std::string& name, const std::vector<RunFigures>& runs,
                         const std::string& metric) {
  VariantSummary out;
  out.name = name;
  out.seeds = runs.size();
  out.before =
      over(runs, [&](const RunFigures& r) { return metric_of(r.evaluations.front(), metric); });
  out.metric = over(runs, [&](const RunFigures& r) { return metric_of(r.evaluations.back(), metric); });
  out.worst = over(runs, [&](const RunFigures& r) { return worst_tenth(r, metric); });
  out.rounds =
      over(runs, [](const RunFigures& r) { return static_cast<double>(r.evaluations.back().round); });
  out.mb_up = at_end(runs, &CurvePoint::mb_up);
  out.mb_down = at_end(runs, &CurvePoint::mb_down);
  out.device_s = at_end(runs, &CurvePoint::device_s);
  out.seconds = at_end(runs, &CurvePoint::seconds);
  out.curve = common_curve(runs, metric);
  return out;
}

}  // namespace fennec
