#include "simulations/compared_run.h"

#include <fmt/format.h>

#include "core/base_digest.h"
#include "core/digest.h"
#include "core/files.h"
#include "data/example_io.h"
#include "simulations/experiment_run.h"

namespace fennec {
namespace {

std::string base_digest(const std::string& directory) { return base_model_digest(directory); }

/// Every example of every device, by the bytes of its files.
std::string data_digest(const std::string& prepared) {
  Sha256 all;
  for (const std::string& device : prepared_devices(prepared))
    for (const char* name : {"train.jsonl", "test.jsonl"}) {
      const std::filesystem::path file = std::filesystem::path(prepared) / device / name;
      if (!std::filesystem::exists(file)) continue;
      all.update(device + "/" + name + " " + to_hex(sha256_file(file)) + "\n");
    }
  return to_hex(all.finish());
}

}  // namespace

const std::string& ComparedRuns::digest(const std::string& path,
                                        std::string (*of)(const std::string&)) {
  const auto known = digests_.find(path);
  return known != digests_.end() ? known->second : digests_.emplace(path, of(path)).first->second;
}

std::string ComparedRuns::key(const Experiment& experiment) {
  Experiment what = experiment;
  what.simulation.workers = 0;  // does not change the result
  std::string text = to_yaml(what) + "base " + digest(what.model.base, base_digest) + "\n";
  if (!what.data.prepared.empty()) text += "data " + digest(what.data.prepared, data_digest) + "\n";
  return to_hex(sha256(text + fmt::format("{} {}\n", comparison_.equal->name, comparison_.budget)));
}

ComparedRuns::Outcome ComparedRuns::run(const Experiment& experiment,
                                        const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "figures.json";
  const std::string id = key(experiment);
  if (std::filesystem::exists(file)) {
    RunFigures figures = run_figures_from_json(read_text_file(file), id, file.string());
    if (!figures.evaluations.empty()) return {std::move(figures), true, false};
    std::filesystem::remove(file);  // of other settings: what follows is not its run
  }
  RunCurve curve(*comparison_.equal, comparison_.budget);
  RunOutput output(experiment, directory, Told::kNothing);
  const SimulationResult result = run_experiment(
      experiment, output, [&](SimulationEvents events) { return curve.listen(std::move(events)); });
  Outcome outcome{{curve.evaluations(), {}}, false, !curve.spent()};
  for (const auto& [device, metrics] : result.by_device)
    outcome.figures.devices.emplace_back(device.name, metrics);
  write_file_atomically(file, to_json_text(outcome.figures, id));
  return outcome;
}

}  // namespace fennec
