#include "simulations/device_population.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "core/error.h"

namespace fennec {
namespace {

double bytes_per_s(double kbps) { return kbps * 1000 / 8; }

Device draw_device(const std::vector<DeviceProfileConfig>& profiles, ClientId id, Seed seed) {
  RandomStream draw(seed.child("device", id.name));
  std::vector<double> weights;
  for (const DeviceProfileConfig& profile : profiles) weights.push_back(profile.weight);
  const DeviceProfileConfig& kind = profiles[draw.categorical(weights)];
  Device device;
  device.id = std::move(id);
  device.profile = kind.name;
  device.tokens_per_s = kind.tokens_per_s * std::exp(kind.speed_spread * draw.normal());
  device.uplink_bytes_per_s = bytes_per_s(kind.uplink_kbps);
  device.downlink_bytes_per_s = bytes_per_s(kind.downlink_kbps);
  device.latency = from_seconds(kind.latency_ms / 1000);
  device.dropout = kind.dropout;
  device.session_dropout = kind.session_dropout;
  return device;
}

/// A seeded choice that covers as many different data sets as it can.
void choose_evaluators(std::vector<Device>& devices, std::size_t count, Seed seed) {
  if (count == 0 || count >= devices.size()) return;
  std::vector<std::size_t> order(devices.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  RandomStream(seed.child("evaluation_devices")).shuffle(order);
  std::set<std::size_t> covered;
  std::stable_partition(order.begin(), order.end(),
                        [&](std::size_t i) { return covered.insert(devices[i].data_set).second; });
  for (std::size_t i = count; i < order.size(); ++i) devices[order[i]].evaluates = false;
}

}  // namespace

std::vector<Device> make_population(const SimulationConfig& config,
                                    const std::vector<std::string>& data_sets, Seed seed) {
  FENNEC_CHECK(!data_sets.empty());
  const std::vector<DeviceProfileConfig> profiles =
      config.profiles.empty() ? std::vector<DeviceProfileConfig>(1) : config.profiles;
  const std::size_t count =
      config.devices > 0 ? static_cast<std::size_t>(config.devices) : data_sets.size();
  const std::size_t digits = std::to_string(count).size();
  std::vector<Device> devices;
  devices.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name =
        count <= data_sets.size() ? data_sets[i] : fmt::format("device-{:0{}}", i + 1, digits);
    devices.push_back(draw_device(profiles, ClientId{name}, seed));
    devices.back().data_set = i % data_sets.size();
  }
  choose_evaluators(devices, static_cast<std::size_t>(config.evaluation_devices), seed);
  return devices;
}

}  // namespace fennec
