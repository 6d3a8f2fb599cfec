#include <doctest/doctest.h>

#include "transport/listening_time.h"

using namespace fennec;

TEST_CASE("listening time is the clock's while ticks come, and stands still where they did not") {
  ListeningTime time(from_seconds(100));
  CHECK(time.at(from_seconds(100)) == from_seconds(0));
  for (int i = 1; i <= 10; ++i) time.tick(from_seconds(100 + i), from_seconds(1.5));
  CHECK(time.at(from_seconds(110.25)) == from_seconds(10.25));

  // Stopped for an hour: one and a half seconds of it count, before and after the late tick.
  CHECK(time.at(from_seconds(3710)) == from_seconds(11.5));
  time.tick(from_seconds(3710), from_seconds(1.5));
  CHECK(time.at(from_seconds(3710)) == from_seconds(11.5));
  CHECK(time.at(from_seconds(3711)) == from_seconds(12.5));
}
