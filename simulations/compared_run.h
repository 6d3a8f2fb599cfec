#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "simulations/comparison.h"

namespace fennec {

/// Runs experiments of a comparison, each in a directory of its own as `fennec-sim run` leaves it, with
/// figures.json written last. A directory whose figures.json is of the same experiment, data, base
/// model and budget is a finished run: its figures are read instead.
class ComparedRuns {
 public:
  explicit ComparedRuns(const Comparison& comparison) : comparison_(comparison) {}

  struct Outcome {
    RunFigures figures;
    bool kept = false;         ///< of an earlier life
    bool ended_early = false;  ///< rounds.total came before the budget was used; false when kept
  };
  /// Throws what run_experiment() does.
  Outcome run(const Experiment& experiment, const std::filesystem::path& directory);

 private:
  std::string key(const Experiment& experiment);
  const std::string& digest(const std::string& path, std::string (*of)(const std::string&));

  const Comparison& comparison_;
  std::map<std::string, std::string> digests_;  ///< of base models and prepared data, by path
};

}  // namespace fennec
