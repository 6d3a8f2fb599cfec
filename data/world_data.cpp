#include "data/world_data.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/error.h"
#include "data/sensor_world.h"

namespace fennec {

std::vector<DeviceData> world_data(const WorldPopulation& population, Seed seed) {
  if (population.kinds.empty()) throw ConfigError("the sensor world needs at least one kind of device");
  const int kinds = static_cast<int>(population.kinds.size());
  const auto share = std::round(static_cast<double>(population.examples) * population.held_out);
  const std::size_t tests =
      std::clamp<std::size_t>(static_cast<std::size_t>(share), 1, population.examples);
  std::vector<DeviceData> out;
  for (int i = 0; i < population.devices; ++i) {
    const std::string& kind = population.kinds[static_cast<std::size_t>(i % kinds)];
    DeviceData device;
    device.device_id = world_device_id(kind, i / kinds);
    device.train = world_examples(kind, i / kinds, population.examples, seed);
    const auto split = device.train.end() - static_cast<std::ptrdiff_t>(tests);
    device.test.assign(std::make_move_iterator(split), std::make_move_iterator(device.train.end()));
    device.train.erase(split, device.train.end());
    out.push_back(std::move(device));
  }
  return out;
}

}  // namespace fennec
