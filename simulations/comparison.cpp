#include "simulations/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "configs/yaml.h"
#include "core/error.h"

namespace fennec {
namespace {

struct Figure {
  const char* name;
  bool lower_is_better;
};
constexpr std::array<Figure, 5> kFigures{
    {{"accuracy", false}, {"macro_f1", false}, {"loss", true}, {"mae", true}, {"unparsable", true}}};

const Figure* find_figure(const std::string& metric) {
  const std::string name = metric.substr(metric.rfind('.') + 1);
  for (const Figure& figure : kFigures)
    if (name == figure.name) return &figure;
  return nullptr;
}

std::vector<std::string> assignments(const StringMap& set) {
  std::vector<std::string> out;
  for (const auto& [key, value] : set) out.push_back(key + "=" + value);
  return out;
}

bool is_directory_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '+';
  });
}

std::string metric_problem(const std::string& metric) {
  if (find_figure(metric) != nullptr) return "";
  std::vector<std::string> known;
  for (const Figure& figure : kFigures) known.emplace_back(figure.name);
  return "metric: " + unknown_name("figure", metric, known);
}

std::string budget_problem(const ComparisonConfig& c) {
  const Measure* equal = find_measure(c.equal);
  if (equal == nullptr) {
    std::vector<std::string> known;
    for (const Measure& measure : measures()) known.emplace_back(measure.name);
    return "equal: " + unknown_name("measure", c.equal, known);
  }
  if (!(c.budget >= 0)) return fmt::format("budget must be at least 0, is {}", c.budget);
  if (c.budget == 0 && c.equal != "rounds")
    return fmt::format("budget must say how many {} every run may use", equal->unit);
  if (c.equal == "rounds" && c.budget != std::floor(c.budget))
    return fmt::format("budget must be a whole number of rounds, is {}", c.budget);
  return "";
}

std::vector<std::string> problems_of(const ComparisonConfig& c) {
  std::vector<std::string> out{metric_problem(c.metric), budget_problem(c)};
  if (!is_directory_name(c.name))
    out.push_back("name '" + c.name + "' must be made of letters, digits and . _ - +");
  if (c.seeds.empty()) out.emplace_back("seeds must name at least one seed, is empty");
  std::set<int> seeds;
  for (const int seed : c.seeds) {
    if (seed < 0) out.push_back(fmt::format("seeds must be at least 0, one is {}", seed));
    if (!seeds.insert(seed).second) out.push_back(fmt::format("seeds: {} is given twice", seed));
  }
  std::set<std::string> names;
  for (const VariantConfig& variant : c.variants) {
    if (!is_directory_name(variant.name))
      out.push_back("variants: name '" + variant.name +
                    "' must be made of letters, digits and . _ - +");
    if (!names.insert(variant.name).second)
      out.push_back("variants: name '" + variant.name + "' is used twice");
  }
  std::erase(out, "");
  return out;
}

void refuse(const std::string& where, const std::vector<std::string>& problems) {
  std::string message;
  for (const std::string& problem : problems)
    message += (message.empty() ? "" : "\n") + where + ": " + problem;
  if (!message.empty()) throw ConfigError(message);
}

void apply(const ComparisonOverrides& from, ComparisonConfig& to) {
  if (!from.seeds.empty()) to.seeds = from.seeds;
  if (!from.metric.empty()) to.metric = from.metric;
  if (!from.equal.empty()) to.equal = from.equal;
  if (from.budget > 0) to.budget = from.budget;
}

/// With equal rounds all run the same number; otherwise rounds.total only bounds a run.
void settle_rounds(const std::string& where, Comparison& comparison) {
  if (comparison.equal != find_measure("rounds")) return;
  const Experiment& first = comparison.variants.front().runs.front();
  if (comparison.budget == 0) comparison.budget = first.rounds.total;
  for (const ComparedVariant& variant : comparison.variants)
    if (variant.runs.front().rounds.total != static_cast<int>(comparison.budget))
      throw ConfigError(fmt::format("{}: variant {} runs {} rounds, {} are to be equal", where,
                                    variant.name, variant.runs.front().rounds.total,
                                    comparison.budget));
}

/// @param files  one a variant
Comparison comparison_of(const ComparisonConfig& c, const std::vector<std::filesystem::path>& files,
                         const std::string& where, const std::vector<std::string>& set) {
  Comparison out{c.name, c.metric, find_measure(c.equal), c.budget, c.seeds, {}};
  std::vector<std::string> shared = assignments(c.set);
  shared.insert(shared.end(), set.begin(), set.end());
  if (c.equal == "rounds" && c.budget > 0)
    shared.push_back(fmt::format("rounds.total={}", static_cast<std::int64_t>(c.budget)));
  for (std::size_t i = 0; i < c.variants.size(); ++i) {
    ComparedVariant variant{c.variants[i].name, {}};
    for (const int seed : c.seeds) {
      std::vector<std::string> all = shared;
      for (const std::string& own : assignments(c.variants[i].set)) all.push_back(own);
      all.push_back(fmt::format("seed={}", seed));
      try {
        variant.runs.push_back(load_experiment(files[i], all));
      } catch (const ConfigError& e) {
        throw ConfigError(fmt::format("{}: variant {}: {}", where, variant.name, e.what()));
      }
    }
    out.variants.push_back(std::move(variant));
  }
  settle_rounds(where, out);
  return out;
}

bool is_comparison(const std::filesystem::path& file) {
  const Params root = load_yaml(file);
  return root.find("variants") != nullptr || root.find("base") != nullptr;
}

Comparison load_file(const std::filesystem::path& file, const ComparisonOverrides& overrides) {
  const Params root = load_yaml(file);
  std::vector<std::string> errors;
  auto config = read_config<ComparisonConfig>(root, errors);
  std::string read;
  for (const std::string& error : errors) read += (read.empty() ? "" : "\n") + error;
  if (!read.empty()) throw ConfigError(read);
  apply(overrides, config);
  std::vector<std::string> problems = problems_of(config);
  if (config.base.empty())
    problems.emplace_back("base must name the experiment that the variants begin with");
  else if (!std::filesystem::exists(config.base))
    problems.push_back("base: no file '" + config.base + "' (paths are as for `run`)");
  if (config.variants.empty()) problems.emplace_back("variants must list at least one variant");
  refuse(file.string(), problems);
  return comparison_of(config, std::vector<std::filesystem::path>(config.variants.size(), config.base),
                       file.string(), overrides.set);
}

}  // namespace

Comparison load_comparison(const std::vector<std::filesystem::path>& files,
                           const ComparisonOverrides& overrides) {
  FENNEC_CHECK(!files.empty());
  if (files.size() == 1 && is_comparison(files.front())) return load_file(files.front(), overrides);
  ComparisonConfig config;
  for (const auto& file : files) {
    if (is_comparison(file))
      throw ConfigError(file.string() + ": a comparison of its own; give one of them, or experiments");
    config.variants.push_back({load_experiment(file, overrides.set).name, {}});
  }
  apply(overrides, config);
  refuse("compare", problems_of(config));
  return comparison_of(config, files, "compare", overrides.set);
}

bool lower_is_better(const std::string& metric) {
  const Figure* figure = find_figure(metric);
  FENNEC_CHECK(figure != nullptr);
  return figure->lower_is_better;
}

std::vector<FieldDoc> comparison_keys() {
  ComparisonConfig defaults;
  std::vector<FieldDoc> out;
  FieldLister lister(out);
  fields(lister, defaults);
  return out;
}

}  // namespace fennec
