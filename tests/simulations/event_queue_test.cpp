#include "simulations/event_queue.h"

#include <doctest/doctest.h>

#include <string>

using namespace fennec;

TEST_CASE("events run by time, equal times in the order they were scheduled") {
  EventQueue queue;
  std::string order;
  queue.after(from_seconds(2), [&] { order += "c"; });
  queue.after(from_seconds(1), [&] {
    order += "a";
    queue.after(Duration{0}, [&] { order += "A"; });
    queue.after(from_seconds(1), [&] { order += "d"; });
  });
  queue.after(from_seconds(1), [&] { order += "b"; });
  while (queue.run_next()) {
  }
  CHECK(order == "abAcd");
  CHECK(to_seconds(queue.now()) == 2);
}

TEST_CASE("time never runs backwards") {
  EventQueue queue;
  queue.after(from_seconds(5), [&] { queue.after(from_seconds(-3), [] {}); });
  while (queue.run_next()) CHECK(queue.now() == from_seconds(5));
}
