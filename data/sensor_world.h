#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "data/example.h"

namespace fennec {

// The built-in sensor world: what quickstart, simulations and tests learn from where no recorded data
// is at hand. Each device has habits of its own, so label shares and operating points differ between
// devices.
//
//   home      hourly load, solar yield and temperatures; tasks home_load (forecast, W) and
//   home_occupancy (label) wearable  1 s inertial windows of one person; task wearable_activity (label)
//   pump      six readings of a pump's channels; task pump_state (two label slots: bearing, hydraulics)

const std::vector<std::string>& world_kinds();  ///< in the order that mixed populations cycle through

/// "home-0007".
std::string world_device_id(std::string_view kind, int device);

/// The first `count` examples of a device in time order; depends on kind, device and seed only, and a
/// longer list begins with the shorter one. Under a millisecond an example. Throws ConfigError for an
/// unknown kind.
std::vector<Example> world_examples(std::string_view kind, int device, std::size_t count, Seed seed);

// The kinds, one file each: sensor_world_<kind>.cpp. `random` belongs to the device.
std::vector<Example> home_examples(RandomStream& random, std::size_t count);
std::vector<Example> wearable_examples(RandomStream& random, std::size_t count);
std::vector<Example> pump_examples(RandomStream& random, std::size_t count);

}  // namespace fennec
