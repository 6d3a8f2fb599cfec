#include "core/half.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/rng.h"

using namespace fennec;  // NOLINT: test

TEST_CASE("every half that is a number survives the way to float and back") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if (std::isnan(from_half(half))) {
      REQUIRE(std::isnan(from_half(to_half(from_half(half)))));
    } else {
      REQUIRE(to_half(from_half(half)) == half);
    }
  }
}

TEST_CASE("rounding to half is to the nearer neighbour, ties to even") {
  RandomStream stream{Seed(1)};
  for (int i = 0; i < 20000; ++i) {
    const float value = static_cast<float>(stream.normal() * std::exp2(stream.uniform(-26, 15.9)));
    if (std::abs(value) > 65504.0f) continue;
    const std::uint16_t half = to_half(value);
    const double error = std::abs(static_cast<double>(from_half(half)) - value);
    CAPTURE(value);
    for (const int step : {-1, 1}) {
      const float neighbour = from_half(static_cast<std::uint16_t>(half + step));
      if ((neighbour < 0) != (value < 0) || !std::isfinite(neighbour)) continue;
      const double other = std::abs(static_cast<double>(neighbour) - value);
      REQUIRE(error <= other);
      if (error == other) REQUIRE((half & 1) == 0);
    }
  }
  CHECK(to_half(65519.0f) == to_half(65504.0f));
  CHECK(std::isinf(from_half(to_half(65520.0f))));
  CHECK(to_half(-0.0f) == 0x8000);
  CHECK(to_half(1 + 0x1p-11f) == 0x3c00);      // a tie goes to the even one
  CHECK(to_half(1 + 3 * 0x1p-11f) == 0x3c02);  // upwards, too
}
