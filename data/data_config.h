#pragma once
#include <string>
#include <vector>

namespace fennec {

/// Where a simulation's device data come from: exactly one of `prepared` and `world`.
struct DataConfig {
  std::string prepared;
  std::vector<std::string> devices;
  std::vector<std::string> world;
  int world_devices = 8;
  int world_examples = 200;
  double held_out = 0.2;
};

template <class Visitor>
void fields(Visitor& v, DataConfig& c) {
  v("prepared", c.prepared,
    "directory written by `fennec-client prepare`: DEVICE/train.jsonl and test.jsonl");
  v("devices", c.devices, "use only these devices of `prepared`; empty = all");
  v("world", c.world, "kinds of the built-in sensor world to generate: home, wearable, pump");
  v("world_devices", c.world_devices, "generated devices, spread over the kinds");
  v("world_examples", c.world_examples, "examples a generated device has");
  v("held_out", c.held_out, "share of a generated device's latest examples kept for testing");
}

}  // namespace fennec
