#include "simulations/device_population.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>

using namespace fennec;

namespace {

SimulationConfig two_kinds(int devices) {
  SimulationConfig config;
  config.devices = devices;
  DeviceProfileConfig fast, slow;
  fast.name = "fast";
  fast.tokens_per_s = 8000;
  fast.weight = 1;
  slow.name = "slow";
  slow.tokens_per_s = 400;
  slow.weight = 3;
  slow.uplink_kbps = 80;
  slow.latency_ms = 250;
  config.profiles = {fast, slow};
  return config;
}

}  // namespace

TEST_CASE("as many devices as data sets bear their names; more are numbered and share") {
  const std::vector<std::string> sets{"a", "b", "c"};
  const auto own = make_population({}, sets, Seed(1));
  REQUIRE(own.size() == 3);
  CHECK(own[1].id.name == "b");
  CHECK(own[1].data_set == 1);
  SimulationConfig config;
  config.devices = 10;
  const auto shared = make_population(config, sets, Seed(1));
  REQUIRE(shared.size() == 10);
  CHECK(shared[0].id.name == "device-01");
  CHECK(shared[9].id.name == "device-10");
  CHECK(shared[9].data_set == 0);
}

TEST_CASE("a device depends on the seed and its name, not on the others") {
  const std::vector<std::string> sets{"a"};
  const auto small = make_population(two_kinds(20), sets, Seed(4)),
             large = make_population(two_kinds(99), sets, Seed(4));
  for (std::size_t i = 0; i < 20; ++i) {
    CHECK(small[i].id == large[i].id);
    CHECK(small[i].profile == large[i].profile);
    CHECK(small[i].tokens_per_s == large[i].tokens_per_s);
  }
  CHECK(make_population(two_kinds(20), sets, Seed(5))[0].tokens_per_s != small[0].tokens_per_s);
}

TEST_CASE("profiles come in their proportions, with their speed as the median") {
  const auto devices = make_population(two_kinds(4000), {"a"}, Seed(9));
  int fast = 0, above = 0;
  for (const Device& device : devices) {
    fast += device.profile == "fast";
    above += device.tokens_per_s > (device.profile == "fast" ? 8000 : 400);
    if (device.profile != "slow") continue;
    CHECK(device.uplink_bytes_per_s == 10000);
    CHECK(device.latency == std::chrono::milliseconds(250));
  }
  CHECK(std::abs(fast - 1000) < 100);
  CHECK(std::abs(above - 2000) < 120);
}

TEST_CASE("evaluators cover as many data sets as they can") {
  SimulationConfig config;
  config.devices = 60;
  config.evaluation_devices = 6;
  const std::vector<std::string> sets{"a", "b", "c", "d", "e", "f"};
  std::set<std::size_t> covered;
  int chosen = 0;
  for (const Device& device : make_population(config, sets, Seed(2))) {
    if (!device.evaluates) continue;
    ++chosen;
    covered.insert(device.data_set);
  }
  CHECK(chosen == 6);
  CHECK(covered.size() == 6);
  config.evaluation_devices = 0;
  for (const Device& device : make_population(config, sets, Seed(2))) CHECK(device.evaluates);
}
