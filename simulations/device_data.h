#pragma once
#include <vector>

#include "core/rng.h"
#include "data/data_config.h"
#include "data/example_io.h"

namespace fennec {

/// The data sets that the devices of a simulation hold, in the order of their names: prepared
/// directories, or the built-in sensor world. Throws ConfigError when the configuration names neither
/// or an unknown device, IoError for files.
std::vector<DeviceData> load_data_sets(const DataConfig& config, Seed seed);

/// Keeps `count` of the test examples, evenly spread over their order; 0 keeps all.
void thin_test_examples(DeviceData& data, std::size_t count);

}  // namespace fennec
