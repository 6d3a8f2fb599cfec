#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "core/rng.h"
#include "data/example_io.h"

namespace fennec {

/// Generated devices, ready to train and test on.
struct WorldPopulation {
  std::vector<std::string> kinds;  ///< dealt out in turn: home-0000, pump-0000, home-0001, …
  int devices = 1;
  std::size_t examples = 200;  ///< of each device
  double held_out = 0.2;       ///< share of a device's latest examples kept for testing, at least one
};

/// One DeviceData a device. Throws ConfigError for an unknown kind or none.
std::vector<DeviceData> world_data(const WorldPopulation& population, Seed seed);

}  // namespace fennec
