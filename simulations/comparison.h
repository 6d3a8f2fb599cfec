#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "configs/experiment.h"
#include "simulations/comparison_config.h"
#include "simulations/run_curve.h"

namespace fennec {

struct ComparedVariant {
  std::string name;
  std::vector<Experiment> runs;  ///< one a seed, in the order of Comparison::seeds
};

/// Variants × seeds, at an equal amount of one thing.
struct Comparison {
  std::string name, metric;
  const Measure* equal = nullptr;
  double budget = 0;
  std::vector<int> seeds;
  std::vector<ComparedVariant> variants;
};

/// What a command line may say in place of the file; empty = as the file says.
struct ComparisonOverrides {
  std::vector<std::string> set;  ///< keys of all experiments, "rounds.total=3"
  std::vector<int> seeds;
  std::string metric, equal;
  double budget = 0;
};

/// One comparison file, or experiments that differ as they like, each a variant by its name. Throws
/// ConfigError that says where and what, IoError for files.
Comparison load_comparison(const std::vector<std::filesystem::path>& files,
                           const ComparisonOverrides& overrides = {});

/// Whether less of this figure is better ("loss", "pump.mae").
bool lower_is_better(const std::string& metric);

/// The keys of a comparison file.
std::vector<FieldDoc> comparison_keys();

}  // namespace fennec
