#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "coordinator/record_output.h"
#include "core/clock.h"
#include "core/files.h"
#include "core/log.h"
#include "model/compute_threads.h"
#include "simulations/commands.h"
#include "simulations/compared_run.h"
#include "simulations/comparison_output.h"

namespace fennec {
namespace {

struct CompareCommand {
  std::vector<std::string> configs;
  std::string out;
  ComparisonOverrides overrides;
  bool json = false;
};

void tell_run(const Comparison& comparison, const std::string& variant, int seed,
              const ComparedRuns::Outcome& run, double elapsed_s, bool json) {
  const CurvePoint& end = run.figures.evaluations.back();
  std::string metric;
  for (const auto& [name, value] : end.metrics)
    if (name == comparison.metric) metric = fmt::format("{:.4f}", value);
  if (json)
    return print_line(nlohmann::ordered_json{{"event", "run"},
                                             {"variant", variant},
                                             {"seed", seed},
                                             {"kept", run.kept},
                                             {"rounds", end.round},
                                             {"metrics", to_json(end.metrics)}}
                          .dump());
  print_line(fmt::format("{} seed {}: {} {} after {} rounds{}", variant, seed, comparison.metric,
                         metric, end.round,
                         run.kept ? ", kept" : fmt::format(", {:.1f} s", elapsed_s)));
}

std::vector<VariantSummary> run_all(const Comparison& comparison, const std::filesystem::path& out,
                                    bool json) {
  const SteadyClock clock;
  ComparedRuns runs(comparison);
  std::vector<VariantSummary> summaries;
  for (const ComparedVariant& variant : comparison.variants) {
    std::vector<RunFigures> figures;
    for (std::size_t i = 0; i < comparison.seeds.size(); ++i) {
      const TimePoint start = clock.now();
      ComparedRuns::Outcome run = runs.run(
          variant.runs[i], out / "runs" / fmt::format("{}-{}", variant.name, comparison.seeds[i]));
      if (run.ended_early && comparison.equal != find_measure("rounds"))
        log::warn("{} seed {}: rounds.total ended the run before its budget of {:g} {}", variant.name,
                  comparison.seeds[i], comparison.budget, comparison.equal->unit);
      tell_run(comparison, variant.name, comparison.seeds[i], run, to_seconds(clock.now() - start),
               json);
      figures.push_back(std::move(run.figures));
      // Each time, so that a metric the data has not is found after one run.
      if (i > 0) summaries.pop_back();
      summaries.push_back(summarise(variant.name, figures, comparison.metric));
    }
  }
  return summaries;
}

int compare(const CompareCommand& options) {
  set_compute_threads(
      1);  // devices train side by side; one that used several cores is no faster in all
  const Comparison comparison =
      load_comparison({options.configs.begin(), options.configs.end()}, options.overrides);
  const std::filesystem::path out =
      options.out.empty() ? "out/compare/" + comparison.name : options.out;
  const std::vector<VariantSummary> variants = run_all(comparison, out, options.json);
  const std::string json = comparison_json(comparison, variants);
  write_file_atomically(out / "comparison.json", json + "\n");
  write_file_atomically(out / "comparison.html", comparison_html(comparison, variants));
  if (options.json)
    print_line(json);
  else
    print_line("\n" + comparison_table(comparison, variants) + "report    " +
               (out / "comparison.html").string());
  return 0;
}

std::string key_help() {
  std::string out = "Keys of a comparison file:\n";
  for (const FieldDoc& row : comparison_keys()) out += fmt::format("  {:<18} {}\n", row.key, row.doc);
  return out;
}

}  // namespace

void add_compare_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<CompareCommand>();
  CLI::App* command = app.add_subcommand(
      "compare", "variants of an experiment, each with several seeds, at equal rounds, bytes or time");
  command
      ->add_option("CONFIG", options->configs,
                   "one comparison (configs/compare/*.yaml), or experiments to compare")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--out", options->out,
                      "directory for runs and report; what is finished in it is kept (default: "
                      "out/compare/<name>)");
  command
      ->add_option("--set", options->overrides.set,
                   "replace a key of every experiment, as in rounds.total=3; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--seeds", options->overrides.seeds, "in place of the file's, as in 1,2,3")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--metric", options->overrides.metric, "in place of the file's");
  command->add_option("--equal", options->overrides.equal, "in place of the file's");
  command->add_option("--budget", options->overrides.budget, "in place of the file's")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", options->json, "one JSON object a run on stdout, then one of them all");
  command->footer(key_help() +
                  "Example:\n  fennec-sim compare configs/compare/sensor_world.yaml --seeds 1,2\n");
  command->callback([&action, options] { action = [options] { return compare(*options); }; });
}

}  // namespace fennec
