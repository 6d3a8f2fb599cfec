#include "simulations/device_data.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

DeviceData device(const std::string& name, int tests) {
  DeviceData data;
  data.device_id = name;
  Example e;
  e.device_id = name;
  e.prompt = "x:";
  e.task = "t";
  for (int i = 0; i < tests; ++i) {
    e.completion = " " + std::to_string(i);
    e.kind = TaskKind::kForecast;
    data.test.push_back(e);
  }
  data.train = {e};
  return data;
}

}  // namespace

TEST_CASE("prepared devices are read in the order of their names, or only those asked for") {
  test::TempDir dir;
  for (const char* name : {"pump2", "pump1", "home"}) write_device_data(dir.path(), device(name, 2));
  DataConfig config;
  config.prepared = dir.path().string();
  const auto all = load_data_sets(config, Seed(1));
  REQUIRE(all.size() == 3);
  CHECK(all[0].device_id == "home");
  CHECK(all[2].device_id == "pump2");
  CHECK(all[1].test.size() == 2);
  config.devices = {"pump2"};
  const auto one = load_data_sets(config, Seed(1));
  REQUIRE(one.size() == 1);
  CHECK(one[0].device_id == "pump2");
}

TEST_CASE("what is not there is named") {
  test::TempDir dir;
  write_device_data(dir.path(), device("pump1", 1));
  DataConfig config;
  CHECK_THROWS_AS(load_data_sets(config, Seed(1)), ConfigError);
  config.prepared = dir.path().string();
  config.devices = {"pmup1"};
  try {
    load_data_sets(config, Seed(1));
    FAIL("accepted");
  } catch (const ConfigError& e) {
    CHECK(std::string(e.what()).find("no device 'pmup1'") != std::string::npos);
    CHECK(std::string(e.what()).find("did you mean 'pump1'?") != std::string::npos);
  }
  config.prepared = "/nowhere";
  CHECK_THROWS_AS(load_data_sets(config, Seed(1)), IoError);
}

TEST_CASE("thinning keeps examples spread over the whole test part") {
  DeviceData data = device("a", 10);
  thin_test_examples(data, 0);
  CHECK(data.test.size() == 10);
  thin_test_examples(data, 5);
  REQUIRE(data.test.size() == 5);
  for (int i = 0; i < 5; ++i)
    CHECK(data.test[static_cast<std::size_t>(i)].completion == " " + std::to_string(2 * i));
}

TEST_CASE("a world is generated from the seed alone") {
  DataConfig config;
  config.world = {"home", "pump"};
  config.world_devices = 3;
  config.world_examples = 10;
  const auto one = load_data_sets(config, Seed(1)), again = load_data_sets(config, Seed(1)),
             other = load_data_sets(config, Seed(2));
  REQUIRE(one.size() == 3);
  CHECK(one[0].test.size() == 2);
  CHECK(one[2].train[0].prompt == again[2].train[0].prompt);
  CHECK(one[2].train[0].prompt != other[2].train[0].prompt);
}
