#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configs/experiment.h"
#include "coordinator/privacy_account.h"
#include "coordinator/round_record.h"
#include "core/parameter_set.h"
#include "privacy/secagg_frame.h"
#include "simulations/device_population.h"
#include "simulations/workload.h"

namespace fennec {

/// What a run tells while it goes on; each may be empty. `at_s` is virtual time.
struct SimulationEvents {
  std::function<void(const RoundRecord&, double at_s)> committed;
  std::function<void(const EvaluationRecord&, double at_s)> evaluated;
  std::function<void(RoundId, const std::string& reason)> abandoned;
  std::function<void(RoundId, std::size_t updates)> update;  ///< updates so far in the open round
  std::function<bool()> enough{};  ///< asked after each commit: true ends the run after an evaluation
};

/// What is to go wrong; each may be empty.
struct SimulationFaults {
  /// The step of a round's secure sum before which a device vanishes; empty: by its profile.
  std::function<std::optional<SecAggStep>(const ClientId&, RoundId)> leaves_before;
};

struct SimulationResult {
  ParameterSet adapter;
  std::vector<RoundRecord> rounds;
  std::vector<EvaluationRecord> evaluations;
  std::vector<std::pair<ClientId, MetricList>> by_device;  ///< the last evaluation, each by itself
  double virtual_s = 0;
  std::int64_t abandoned = 0;           ///< rounds that opened again
  std::vector<PrivacyRelease> privacy;  ///< under privacy.dp
  std::int64_t vanished = 0;            ///< times a device was lost, at whatever it was doing
};

/// A whole federation in one process, on virtual time: the real RoundEngine, commit and ClientAgents;
/// links, disks and clocks are virtual, training is whatever the workload does. All devices are
/// connected when time starts. The result is a function of experiment, population and workload: neither
/// threads nor the machine's clock enter.
/// @param threads  training threads, at least 1  @param initial  version 0 of the adapter
/// Throws IoError when a round cannot gather its updates in kMostReopenings attempts, ConfigError for
/// unknown names.
SimulationResult simulate(const Experiment& experiment, const std::vector<Device>& devices,
                          Workload& workload, ParameterSet initial, std::size_t threads,
                          const SimulationEvents& events = {}, const SimulationFaults& faults = {});

inline constexpr int kMostReopenings = 100;

}  // namespace fennec
