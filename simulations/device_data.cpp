#include "simulations/device_data.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/params.h"
#include "data/world_data.h"

namespace fennec {
namespace {

std::vector<DeviceData> load_prepared(const DataConfig& config) {
  std::vector<std::string> names = prepared_devices(config.prepared);
  if (!config.devices.empty()) {
    for (const std::string& wanted : config.devices) {
      if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
      const std::string close = closest_name(wanted, names);
      throw ConfigError("data.devices: no device '" + wanted + "' in " + config.prepared +
                        (close.empty() ? "" : "; did you mean '" + close + "'?"));
    }
    std::erase_if(names, [&](const std::string& name) {
      return std::find(config.devices.begin(), config.devices.end(), name) == config.devices.end();
    });
  }
  std::vector<DeviceData> sets;
  for (const std::string& name : names) {
    sets.push_back(load_device_data(std::filesystem::path(config.prepared) / name));
    sets.back().device_id = name;
  }
  return sets;
}

}  // namespace

std::vector<DeviceData> load_data_sets(const DataConfig& config, Seed seed) {
  if (!config.prepared.empty()) return load_prepared(config);
  if (!config.world.empty())
    return world_data({config.world, config.world_devices,
                       static_cast<std::size_t>(config.world_examples), config.held_out},
                      seed);
  throw ConfigError(
      "a simulation needs data: set data.prepared to a directory that `fennec-client prepare` wrote, "
      "or data.world "
      "to kinds of generated devices");
}

void thin_test_examples(DeviceData& data, std::size_t count) {
  const std::size_t all = data.test.size();
  if (count == 0 || count >= all) return;
  std::vector<Example> kept;
  kept.reserve(count);
  for (std::size_t i = 0; i < count; ++i) kept.push_back(std::move(data.test[i * all / count]));
  data.test = std::move(kept);
}

}  // namespace fennec
