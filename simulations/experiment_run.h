#pragma once
#include <functional>

#include "configs/experiment.h"
#include "simulations/run_output.h"
#include "simulations/simulation.h"

namespace fennec {

/// Loads data sets and base model, draws the population and simulates; `output` tells of it and keeps
/// its files.
/// @param watch  may add to what the output listens to
/// The caller has set the compute threads, to 1: devices train side by side. Throws ConfigError and
/// IoError as load_data_sets(), ModelWorkload and simulate() do.
SimulationResult run_experiment(const Experiment& experiment, RunOutput& output,
                                const std::function<SimulationEvents(SimulationEvents)>& watch = {});

}  // namespace fennec
