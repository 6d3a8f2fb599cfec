#include "client/world_data.h"

#include <cmath>

#include "core/rng.h"
#include "data/sensor_world.h"

namespace fennec {
namespace {

DeviceData generate_device(const WorldOptions& options, int number) {
  const std::string& kind = options.kinds[static_cast<std::size_t>(number) % options.kinds.size()];
  const auto count = static_cast<std::size_t>(options.examples);
  std::vector<Example> all = world_examples(kind, number, count, Seed(options.seed).child("world"));
  const auto test =
      static_cast<std::size_t>(std::lround(options.held_out * static_cast<double>(all.size())));
  const auto border = all.end() - static_cast<std::ptrdiff_t>(test);
  return {world_device_id(kind, number),
          {std::make_move_iterator(all.begin()), std::make_move_iterator(border)},
          {std::make_move_iterator(border), std::make_move_iterator(all.end())}};
}

}  // namespace

PrepareSummary write_world(const WorldOptions& options, const std::filesystem::path& out) {
  PrepareSummary summary;
  for (int number = 0; number < options.devices; ++number) {
    const DeviceData device = generate_device(options, number);
    write_device_data(out, device);
    summary.devices.push_back({device.device_id, device.train.size(), device.test.size()});
    summary.train += device.train.size();
    summary.test += device.test.size();
  }
  return summary;
}

}  // namespace fennec
