#include "data/world_data.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "data/sensor_world.h"

using namespace fennec;

TEST_CASE(
    "a generated population deals its kinds out in turn and keeps the latest examples for testing") {
  const auto devices = world_data({{"home", "pump"}, 5, 20, 0.25}, Seed(3));
  REQUIRE(devices.size() == 5);
  CHECK(devices[0].device_id == world_device_id("home", 0));
  CHECK(devices[1].device_id == world_device_id("pump", 0));
  CHECK(devices[4].device_id == world_device_id("home", 2));
  const auto whole = world_examples("pump", 1, 20, Seed(3));
  REQUIRE(devices[3].train.size() == 15);
  REQUIRE(devices[3].test.size() == 5);
  for (std::size_t i = 0; i < 20; ++i)
    CHECK((i < 15 ? devices[3].train[i] : devices[3].test[i - 15]).prompt == whole[i].prompt);
}

TEST_CASE("there is always something to test on, and kinds must be known") {
  CHECK(world_data({{"home"}, 1, 4, 0.01}, Seed(1))[0].test.size() == 1);
  CHECK_THROWS_AS(world_data({{}, 1, 4, 0.2}, Seed(1)), ConfigError);
  CHECK_THROWS_AS(world_data({{"boat"}, 1, 4, 0.2}, Seed(1)), ConfigError);
}
