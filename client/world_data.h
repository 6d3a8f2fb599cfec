#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/prepare.h"

namespace fennec {

struct WorldOptions {
  std::vector<std::string> kinds;  ///< of data/sensor_world.h; devices take them in turn
  int devices = 8;
  int examples = 200;     ///< a device
  double held_out = 0.2;  ///< share of a device's latest examples kept for testing
  std::uint64_t seed = 1;
};

/// Generates devices of the built-in sensor world and writes `out`/<device>/{train,test}.jsonl.
/// Throws ConfigError for an unknown kind, IoError.
PrepareSummary write_world(const WorldOptions& options, const std::filesystem::path& out);

}  // namespace fennec
