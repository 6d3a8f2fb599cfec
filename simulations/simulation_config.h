#pragma once
#include <string>
#include <vector>

namespace fennec {

/// A kind of emulated device; a population is drawn from several by weight.
struct DeviceProfileConfig {
  std::string name = "board";
  double weight = 1;
  double tokens_per_s = 2000;
  double uplink_kbps = 2000;
  double downlink_kbps = 8000;
  double latency_ms = 40;
  double dropout = 0;
  double session_dropout = 0;
  double speed_spread = 0.25;
};

template <class Visitor>
void fields(Visitor& v, DeviceProfileConfig& c) {
  v("name", c.name, "shown in reports");
  v("weight", c.weight, "share of the population, relative to the other profiles");
  v("tokens_per_s", c.tokens_per_s, "median training speed");
  v("uplink_kbps", c.uplink_kbps, "kilobits a second up");
  v("downlink_kbps", c.downlink_kbps, "kilobits a second down");
  v("latency_ms", c.latency_ms, "one-way message latency");
  v("dropout", c.dropout, "probability that a selected device vanishes during a round");
  v("session_dropout", c.session_dropout,
    "probability that a device vanishes at one of the steps of a secure sum");
  v("speed_spread", c.speed_spread, "sigma of the log-normal spread of speed within the profile");
}

struct SimulationConfig {
  int devices = 0;
  int workers = 0;
  int evaluation_devices = 0;
  int evaluation_examples = 0;
  std::vector<DeviceProfileConfig> profiles;
};

template <class Visitor>
void fields(Visitor& v, SimulationConfig& c) {
  v("devices", c.devices,
    "emulated devices; 0 = as many as the data has. More than that: data sets are shared out again");
  v("workers", c.workers, "training threads; 0 = one a core. The result does not depend on it");
  v("evaluation_devices", c.evaluation_devices, "devices asked to evaluate (seeded choice); 0 = all");
  v("evaluation_examples", c.evaluation_examples, "held-out examples a device scores; 0 = all");
  v("profiles", c.profiles, "device kinds; empty = one default board");
}

}  // namespace fennec
