#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "configs/experiment.h"
#include "core/metrics.h"
#include "core/progress.h"
#include "simulations/device_population.h"
#include "simulations/simulation.h"

namespace fennec {

/// How a run talks on stdout; its files are the same.
enum class Told { kTable, kJson, kNothing };

/// What `fennec-sim run` tells: a table (or JSON lines) on stdout, progress on stderr, and in the
/// output directory experiment.yaml, metrics.jsonl, adapter/ and report.html. Everything but the
/// elapsed time is a function of the experiment, so two runs leave the same files. Event loop only.
class RunOutput {
 public:
  /// Makes the directory; an earlier metrics.jsonl in it is replaced. Throws IoError.
  RunOutput(const Experiment& experiment, std::filesystem::path directory, Told told);

  void begin(const std::vector<Device>& devices, std::size_t data_sets, std::size_t threads);
  SimulationEvents events();
  const std::filesystem::path& directory() const { return directory_; }
  /// Writes adapter and report, prints the scores before and after.
  void finish(const SimulationResult& result, double elapsed_s);

 private:
  void committed(const RoundRecord& record, double at_s);
  void evaluated(const EvaluationRecord& record);
  void abandoned(RoundId round, const std::string& reason);
  void update(RoundId round, std::size_t updates);
  void write_report(const SimulationResult& result) const;

  const Experiment& experiment_;
  std::filesystem::path directory_;
  Told told_;
  std::unique_ptr<MetricsWriter> metrics_;
  std::unique_ptr<Progress> progress_;
  std::string population_;  ///< "1000 devices over 100 data sets"
};

}  // namespace fennec
