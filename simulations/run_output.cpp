#include "simulations/run_output.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "aggregation/absorption.h"
#include "configs/adapter.h"
#include "coordinator/record_output.h"
#include "coordinator/report.h"
#include "coordinator/round_figures.h"
#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/peft_directory.h"

namespace fennec {
namespace {

using Json = nlohmann::ordered_json;

double megabytes(std::int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

}  // namespace

RunOutput::RunOutput(const Experiment& experiment, std::filesystem::path directory, Told told)
    : experiment_(experiment), directory_(std::move(directory)), told_(told) {
  std::error_code failed;
  std::filesystem::create_directories(directory_, failed);
  if (failed) throw IoError(directory_.string() + ": cannot create: " + failed.message());
  std::filesystem::remove(directory_ / "metrics.jsonl", failed);
  write_file_atomically(directory_ / "experiment.yaml", to_yaml(experiment_));
  metrics_ = std::make_unique<MetricsWriter>(directory_ / "metrics.jsonl");
}

void RunOutput::begin(const std::vector<Device>& devices, std::size_t data_sets, std::size_t threads) {
  population_ = devices.size() == data_sets
                    ? fmt::format("{} simulated devices", devices.size())
                    : fmt::format("{} simulated devices over {} data sets", devices.size(), data_sets);
  if (told_ == Told::kNothing) return;
  if (told_ == Told::kJson) {
    print_line(Json{{"event", "started"},
                    {"name", experiment_.name},
                    {"devices", devices.size()},
                    {"data_sets", data_sets},
                    {"experiment", experiment_hash(experiment_)}}
                   .dump());
    return;
  }
  print_line(fmt::format("{}: {}, cohort {}, {} rounds, base {}, {} training threads", experiment_.name,
                         population_, experiment_.rounds.cohort_size, experiment_.rounds.total,
                         experiment_.model.base, threads));
  print_line("round  updates    loss  |step|    up MB  down MB  round s   time s");
}

SimulationEvents RunOutput::events() {
  return {[this](const RoundRecord& record, double at_s) { committed(record, at_s); },
          [this](const EvaluationRecord& record, double) { evaluated(record); },
          [this](RoundId round, const std::string& reason) { abandoned(round, reason); },
          [this](RoundId round, std::size_t updates) { update(round, updates); }};
}

void RunOutput::update(RoundId round, std::size_t updates) {
  if (!progress_)
    progress_ = std::make_unique<Progress>(fmt::format("round {}", round.value),
                                           updates_wanted(experiment_.rounds));
  progress_->advance_to(static_cast<std::int64_t>(updates));
}

void RunOutput::committed(const RoundRecord& r, double at_s) {
  progress_.reset();
  MetricFields fields = metric_fields(r);
  fields.emplace_back("virtual_s", at_s);
  metrics_->write(fields);
  write_aggregation_metrics(*metrics_, r);
  write_privacy_metrics(*metrics_, r, privacy_summary(experiment_, {}, true));
  if (told_ == Told::kNothing) return;
  if (told_ == Told::kJson) {
    print_line(Json{{"event", "round"},
                    {"round", r.round.value},
                    {"updates", r.participants.size()},
                    {"loss", r.loss},
                    {"update_norm", r.update_norm},
                    {"bytes_up", r.bytes_up},
                    {"bytes_down", r.bytes_down},
                    {"wall_s", r.wall_s},
                    {"virtual_s", at_s},
                    {"adapter_sha256", r.adapter_sha256}}
                   .dump());
    return;
  }
  print_line(
      fmt::format("{:>5}  {:>3}/{:<3}  {:>7.4f}  {:>6.3f}  {:>7.2f}  {:>7.2f}  {:>7.1f}  {:>7.1f}",
                  r.round.value, r.participants.size(), updates_wanted(experiment_.rounds), r.loss,
                  r.update_norm, megabytes(r.bytes_up), megabytes(r.bytes_down), r.wall_s, at_s));
}

void RunOutput::evaluated(const EvaluationRecord& e) {
  write_metrics(*metrics_, e);
  if (told_ == Told::kNothing) return;
  if (told_ == Told::kJson)
    print_line(Json{{"event", "evaluation"},
                    {"round", e.after_round.value},
                    {"clients", e.clients},
                    {"examples", e.num_examples},
                    {"metrics", to_json(e.metrics)}}
                   .dump());
  else
    print_line(fmt::format("held-out after round {} ({} devices, {} examples){}", e.after_round.value,
                           e.clients, e.num_examples, headlines(e)));
}

void RunOutput::abandoned(RoundId round, const std::string& reason) {
  progress_.reset();
  log::warn("round {} opens again: {}", round.value, reason);
}

void RunOutput::write_report(const SimulationResult& result) const {
  ReportInput report;
  report.title = experiment_.name;
  report.subtitle = population_;
  report.virtual_time = true;
  report.facts = {{"base model", experiment_.model.base},
                  {"cohort", std::to_string(experiment_.rounds.cohort_size)},
                  {"virtual time", fmt::format("{:.0f} s", result.virtual_s)},
                  {"devices lost", std::to_string(result.vanished)},
                  {"rounds opened again", std::to_string(result.abandoned)},
                  {"experiment", experiment_hash(experiment_).substr(0, 16)}};
  report.rounds = result.rounds;
  report.evaluations = result.evaluations;
  report.experiment_yaml = to_yaml(experiment_);
  report.privacy = privacy_summary(experiment_, result.privacy, true);
  write_file_atomically(directory_ / "report.html", report_html(report));
}

void RunOutput::finish(const SimulationResult& result, double elapsed_s) {
  const AdapterPlan plan = plan_adapter(experiment_, experiment_.model.base);
  write_peft_directory(directory_ / "adapter", stacked_config(plan.config, experiment_.aggregation),
                       complete_adapter(stacked_adapter(result.adapter),
                                        frozen_adapter(plan, adapter_seed(experiment_))));
  write_report(result);
  const std::string adapter = (directory_ / "adapter").string(),
                    report = (directory_ / "report.html").string();
  const EvaluationRecord* before = result.evaluations.empty() ? nullptr : &result.evaluations.front();
  const EvaluationRecord* after = result.evaluations.empty() ? nullptr : &result.evaluations.back();
  const std::optional<PrivacySummary> privacy = privacy_summary(experiment_, result.privacy, true);
  if (told_ == Told::kNothing) return;
  if (told_ == Told::kJson) {
    Json out{{"event", "finished"},
             {"adapter", adapter},
             {"report", report},
             {"virtual_s", result.virtual_s},
             {"elapsed_s", elapsed_s},
             {"vanished", result.vanished},
             {"abandoned", result.abandoned},
             {"before", before ? to_json(before->metrics) : Json()},
             {"after", after ? to_json(after->metrics) : Json()}};
    if (privacy) out["epsilon"] = privacy->epsilon;
    print_line(out.dump());
    return;
  }
  if (before) print_line(headline_changes(*before, *after));
  print_line(fmt::format("{:.1f} virtual seconds in {:.1f} s; {} devices lost, {} rounds opened again",
                         result.virtual_s, elapsed_s, result.vanished, result.abandoned));
  if (privacy) print_line("privacy   " + to_string(*privacy));
  print_line("adapter   " + adapter);
  print_line("report    " + report);
}

}  // namespace fennec
