#include "simulations/comparison.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "core/error.h"
#include "simulations/comparison_output.h"
#include "simulations/comparison_summary.h"
#include "tests/simulations/arithmetic_workload.h"
#include "tests/support/temp_dir.h"

using namespace fennec;
using namespace fennec::test;

namespace {

struct Files {
  TempDir dir;
  std::filesystem::path base = write("base.yaml", "name: small\nrounds: {total: 7, cohort_size: 2}\n");

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(dir / name) << text;
    return dir / name;
  }
  std::filesystem::path comparison(const std::string& rest) const {
    return write("c.yaml", "base: " + base.string() + "\n" + rest);
  }
  std::string refusal(const std::string& rest) const {
    try {
      load_comparison({comparison(rest)});
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "accepted";
  }
};

RunFigures figures(std::vector<double> device_accuracies, double accuracy, std::int64_t rounds = 2) {
  RunFigures out;
  for (std::int64_t r = 0; r <= rounds; ++r) {
    CurvePoint point{r, 2.0 * static_cast<double>(r), 1, 3, 4.0 * static_cast<double>(r), {}};
    point.metrics = {{"accuracy", r == rounds ? accuracy : 0.25}, {"loss", 1.0}};
    out.evaluations.push_back(point);
  }
  for (std::size_t i = 0; i < device_accuracies.size(); ++i)
    out.devices.push_back({"d" + std::to_string(i), {{"accuracy", device_accuracies[i]}}});
  return out;
}

}  // namespace

TEST_CASE("a comparison is its base with each variant's keys, once a seed") {
  const Files files;
  const Comparison c = load_comparison({files.comparison(
      "set: {rounds.evaluate_every: 2}\nseeds: [4, 9]\nvariants:\n  - name: plain\n  - name: half\n"
      "    set: {aggregation.strategy: rolora, lora.target_modules: '[q_proj, v_proj]'}\n")});
  CHECK(c.budget == 7);
  REQUIRE(c.variants.size() == 2);
  REQUIRE(c.variants[1].runs.size() == 2);
  const Experiment& half = c.variants[1].runs[1];
  CHECK(half.seed == 9);
  CHECK(half.rounds.evaluate_every == 2);
  CHECK(half.aggregation.strategy == "rolora");
  CHECK(half.lora.target_modules == std::vector<std::string>{"q_proj", "v_proj"});
  CHECK(c.variants[0].runs[0].aggregation.strategy == "fedavg");
}

TEST_CASE("the command line goes before the file, a variant's own keys before both") {
  const Files files;
  ComparisonOverrides overrides;
  overrides.set = {"train.local_steps=3", "aggregation.codec=int8"};
  overrides.seeds = {5};
  overrides.metric = "loss";
  overrides.equal = "bytes_up";
  overrides.budget = 2.5;
  const Comparison c = load_comparison(
      {files.comparison("variants:\n  - {name: a}\n  - {name: b, set: {aggregation.codec: bf16}}\n")},
      overrides);
  CHECK(c.seeds == std::vector<int>{5});
  CHECK(c.metric == "loss");
  CHECK(std::string(c.equal->name) == "bytes_up");
  CHECK(c.budget == 2.5);
  CHECK(c.variants[0].runs[0].train.local_steps == 3);
  CHECK(c.variants[0].runs[0].aggregation.codec == "int8");
  CHECK(c.variants[1].runs[0].aggregation.codec == "bf16");
}

TEST_CASE("what is wrong with a comparison is said by file, line and name") {
  const Files files;
  const auto says = [&](const std::string& rest, const std::string& part) {
    const std::string text = files.refusal(rest);
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const std::string one = "variants:\n  - name: a\n";
  says("varients:\n  - name: a\n", "c.yaml:2: unknown key 'varients'; did you mean 'variants'?");
  says("variants:\n  - nam: a\n", "c.yaml:3: unknown key 'variants[0].nam'; did you mean 'name'?");
  says("", "variants must list at least one variant");
  says(one + "  - name: a\n", "name 'a' is used twice");
  says("variants:\n  - name: a/b\n", "name 'a/b' must be made of letters");
  says(one + "metric: acuracy\n", "unknown figure 'acuracy'; did you mean 'accuracy'?");
  says(one + "equal: byte\n", "unknown measure 'byte'; did you mean 'bytes'?");
  says(one + "equal: bytes\n", "budget must say how many MB up and down every run may use");
  says(one + "seeds: [1, 1]\n", "seeds: 1 is given twice");
  says(one + "seeds: []\n", "seeds must name at least one seed");
  says("variants:\n  - name: a\n    set: {aggregation.stratgy: ffa}\n",
       "variant a: --set aggregation.stratgy=ffa: unknown key 'aggregation.stratgy'; did you mean "
       "'strategy'?");
  says("variants:\n  - {name: a}\n  - {name: b, set: {rounds.total: 9}}\n",
       "variant b runs 9 rounds, 7 are to be equal");
}

TEST_CASE("several experiments are variants by their names") {
  const Files files;
  const auto other = files.write("other.yaml", "name: other\nrounds: {total: 7, cohort_size: 3}\n");
  const Comparison c = load_comparison({files.base, other});
  REQUIRE(c.variants.size() == 2);
  CHECK(c.variants[1].name == "other");
  CHECK(c.variants[1].runs[2].rounds.cohort_size == 3);
  CHECK_THROWS_WITH_AS(load_comparison({files.base, files.base}),
                       "compare: variants: name 'small' is used twice", ConfigError);
  CHECK_THROWS_AS(load_comparison({files.base, files.comparison("variants: [{name: a}]\n")}),
                  ConfigError);
}

TEST_CASE("every comparison that ships loads") {
  std::size_t found = 0;
  const std::filesystem::path here = std::filesystem::current_path();
  std::filesystem::current_path(FENNEC_SOURCE);  // their paths are as for a command in the root
  for (const auto& entry : std::filesystem::directory_iterator("configs/compare")) {
    CAPTURE(entry.path().string());
    const Comparison c = load_comparison({entry.path()});
    CHECK(c.name == entry.path().stem());
    CHECK(c.variants.size() >= 2);
    ++found;
  }
  std::filesystem::current_path(here);
  CHECK(found >= 4);
}

TEST_CASE("a run ends before the round that would take it past its budget") {
  Experiment e;
  e.rounds.total = 50;
  e.rounds.cohort_size = 3;
  e.rounds.evaluate_every = 2;
  for (const char* name : {"bytes_up", "bytes", "device_seconds", "seconds", "rounds"}) {
    CAPTURE(std::string(name));
    const Measure& measure = *find_measure(name);
    const auto run = [&](RunCurve& curve) {
      ArithmeticWorkload workload(5);
      const auto devices = make_population(e.simulation, workload.data_sets(), Seed(e.seed));
      return simulate(e, devices, workload, ParameterSet(arithmetic_layout()), 1, curve.listen({}));
    };
    RunCurve free(measure, 1e18);
    run(free);
    CHECK_FALSE(free.spent());
    const double a_fifth = measure.of(free.evaluations().back()) / 5;
    RunCurve bounded(measure, a_fifth);
    const SimulationResult result = run(bounded);
    CHECK(bounded.spent());
    const CurvePoint& end = bounded.evaluations().back();
    CHECK(end.round == static_cast<std::int64_t>(result.rounds.size()));
    CHECK(result.evaluations.back().after_round.value == end.round);
    CHECK(end.round >= 8);
    CHECK(end.round <= 12);
    CHECK(result.by_device.size() == 5);
    // The run with less is the beginning of the one with more.
    for (std::size_t i = 0; i + 1 < bounded.evaluations().size(); ++i)
      CHECK(bounded.evaluations()[i].metrics == free.evaluations()[i].metrics);
  }
}

TEST_CASE("figures of a run survive their file; those of other settings are none") {
  RunFigures before = figures({0.5, 0.75}, 0.6);
  before.evaluations[0].metrics.emplace_back("mae", std::numeric_limits<double>::quiet_NaN());
  const std::string text = to_json_text(before, "key");
  const RunFigures after = run_figures_from_json(text, "key", "x");
  REQUIRE(after.evaluations.size() == 3);
  CHECK(after.evaluations[2].mb_up == 4);
  CHECK(after.evaluations[2].metrics == before.evaluations[2].metrics);
  CHECK(after.evaluations[0].metrics.size() == 2);
  CHECK(after.devices == before.devices);
  CHECK(run_figures_from_json(text, "other", "x").evaluations.empty());
  CHECK_THROWS_AS(run_figures_from_json("{}", "key", "x"), IoError);
  CHECK_THROWS_AS(run_figures_from_json(text.substr(0, 40), "key", "x"), IoError);
}

TEST_CASE("the worst tenth of the devices, at least one, by what the figure means") {
  std::vector<double> values;
  for (int i = 1; i <= 20; ++i) values.push_back(i / 20.0);
  CHECK(worst_tenth(figures(values, 0.5), "accuracy") == doctest::Approx((0.05 + 0.10) / 2));
  CHECK(worst_tenth(figures({0.4, 0.9}, 0.5), "accuracy") == 0.4);
  RunFigures errors;
  for (int i = 1; i <= 11; ++i) errors.devices.push_back({"d", {{"mae", i}}});
  CHECK(worst_tenth(errors, "mae") == doctest::Approx(10.5));
  CHECK(std::isnan(worst_tenth(errors, "accuracy")));
}

TEST_CASE("a summary is the mean over seeds, with the sample standard deviation") {
  const VariantSummary s =
      summarise("v", {figures({0.5}, 0.6), figures({0.5}, 0.8), figures({0.8}, 0.7, 3)}, "accuracy");
  CHECK(s.metric.mean == doctest::Approx(0.7));
  CHECK(s.metric.std == doctest::Approx(0.1));
  CHECK(s.before.mean == 0.25);
  CHECK(s.before.std == 0);
  CHECK(s.worst.mean == doctest::Approx(0.6));
  CHECK(s.rounds.mean == doctest::Approx(7.0 / 3));
  REQUIRE(s.curve.size() == 3);  // round 3 is one seed's alone
  CHECK(s.curve[2].spent.mb_up == doctest::Approx(4));
  CHECK(s.curve[2].metric.mean == doctest::Approx((0.6 + 0.8 + 0.25) / 3));
  CHECK(std::isnan(mean_std({1}).std));
  CHECK_THROWS_WITH_AS(summarise("v", {figures({}, 1)}, "mae"),
                       "metric: unknown figure 'mae'; known: accuracy, loss", ConfigError);
}

TEST_CASE("table, JSON and page tell the same") {
  const Files files;
  const Comparison c =
      load_comparison({files.comparison("variants:\n  - name: a\n  - name: longer-name\n")});
  const std::vector<VariantSummary> variants{
      summarise("a", {figures({0.5}, 0.6), figures({0.5}, 0.8)}, "accuracy"),
      summarise("longer-name", {figures({0.5}, 0.5)}, "accuracy")};
  const std::string table = comparison_table(c, variants);
  CAPTURE(table);
  CHECK(table.find("accuracy before training 0.2500 ± 0.0000") != std::string::npos);
  CHECK(table.find("\na            0.7000 ± 0.1414  0.5000 ± 0.0000     2.0   4.00") !=
        std::string::npos);
  CHECK(table.find("\nlonger-name           0.5000") != std::string::npos);
  CHECK(comparison_json(c, variants).find("\"metric\":{\"mean\":0.5,\"std\":null}") !=
        std::string::npos);
  const std::string page = comparison_html(c, variants);
  CHECK(page.find("http") == std::string::npos);
  CHECK(page.find("nan") == std::string::npos);
  CHECK(page.find("accuracy over MB up") != std::string::npos);
  CHECK(page.find("fill-opacity") != std::string::npos);
  CHECK(page.find("longer-name") != std::string::npos);
}
