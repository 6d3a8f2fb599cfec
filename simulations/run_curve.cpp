#include "simulations/run_curve.h"

#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace fennec {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<Measure, 5> kMeasures{{
    {"rounds", "rounds", [](const CurvePoint& p) { return static_cast<double>(p.round); }},
    {"bytes", "MB up and down", [](const CurvePoint& p) { return p.mb_up + p.mb_down; }},
    {"bytes_up", "MB up", [](const CurvePoint& p) { return p.mb_up; }},
    {"device_seconds", "training seconds of all devices",
     [](const CurvePoint& p) { return p.device_s; }},
    {"seconds", "simulated seconds", [](const CurvePoint& p) { return p.seconds; }},
}};

Json finite_json(const MetricList& metrics) {
  Json out = Json::object();
  for (const auto& [name, value] : metrics)
    if (std::isfinite(value)) out[name] = value;
  return out;
}

MetricList metrics_from(const Json& json) {
  MetricList out;
  for (const auto& [name, value] : json.items()) out.emplace_back(name, value.get<double>());
  return out;
}

}  // namespace

std::span<const Measure> measures() { return kMeasures; }

const Measure* find_measure(std::string_view name) {
  for (const Measure& measure : kMeasures)
    if (name == measure.name) return &measure;
  return nullptr;
}

std::string to_json_text(const RunFigures& figures, const std::string& key) {
  Json evaluations = Json::array(), devices = Json::object();
  for (const CurvePoint& p : figures.evaluations)
    evaluations.push_back({{"round", p.round},
                           {"mb_up", p.mb_up},
                           {"mb_down", p.mb_down},
                           {"device_s", p.device_s},
                           {"seconds", p.seconds},
                           {"metrics", finite_json(p.metrics)}});
  for (const auto& [device, metrics] : figures.devices) devices[device] = finite_json(metrics);
  return Json{{"key", key}, {"evaluations", evaluations}, {"devices", devices}}.dump(1) + "\n";
}

RunFigures run_figures_from_json(const std::string& text, const std::string& key,
                                 const std::string& where) {
  try {
    const Json json = Json::parse(text);
    RunFigures out;
    if (json.at("key").get<std::string>() != key) return out;
    for (const Json& p : json.at("evaluations"))
      out.evaluations.push_back({p.at("round").get<std::int64_t>(), p.at("mb_up").get<double>(),
                                 p.at("mb_down").get<double>(), p.at("device_s").get<double>(),
                                 p.at("seconds").get<double>(), metrics_from(p.at("metrics"))});
    for (const auto& [device, metrics] : json.at("devices").items())
      out.devices.emplace_back(device, metrics_from(metrics));
    return out;
  } catch (const nlohmann::json::exception& e) {
    throw IoError(where + ": not the figures of a run (" + e.what() + "); remove it to run again");
  }
}

SimulationEvents RunCurve::listen(SimulationEvents events) {
  events.committed = [this, next = std::move(events.committed)](const RoundRecord& record,
                                                                double at_s) {
    committed(record);
    if (next) next(record, at_s);
  };
  events.evaluated = [this, next = std::move(events.evaluated)](const EvaluationRecord& record,
                                                                double at_s) {
    evaluations_.push_back(now_);
    evaluations_.back().metrics = record.metrics;
    if (next) next(record, at_s);
  };
  events.enough = [this] { return spent_; };
  return events;
}

void RunCurve::committed(const RoundRecord& record) {
  const double before = equal_.of(now_);
  now_.round = record.round.value;
  now_.mb_up += static_cast<double>(record.bytes_up) / 1e6;
  now_.mb_down += static_cast<double>(record.bytes_down) / 1e6;
  for (const ParticipantRecord& p : record.participants) now_.device_s += p.train_seconds;
  now_.seconds += record.wall_s;
  const double after = equal_.of(now_);
  spent_ = after + (after - before) > budget_;
}

}  // namespace fennec
