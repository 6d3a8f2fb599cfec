#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "core/rng.h"
#include "simulations/simulation_config.h"

namespace fennec {

/// One emulated device: what it is, not what it does.
struct Device {
  ClientId id;
  std::string profile;
  double tokens_per_s = 0;
  double uplink_bytes_per_s = 0, downlink_bytes_per_s = 0;
  Duration latency{0};         ///< one way
  double dropout = 0;          ///< probability to vanish while it trains for a round
  double session_dropout = 0;  ///< probability to vanish at one of the steps of a secure sum
  std::size_t data_set = 0;
  bool evaluates = true;  ///< scores its held-out examples when asked; others answer with nothing
};

/// Draws the devices of a run. Each depends only on the seed and its own name. With no more devices
/// than data sets they bear the data sets' names, so a simulated device draws what the real one would;
/// beyond that they are numbered and the data sets are shared out again in turn.
std::vector<Device> make_population(const SimulationConfig& config,
                                    const std::vector<std::string>& data_sets, Seed seed);

}  // namespace fennec
