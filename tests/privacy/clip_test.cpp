#include "privacy/clip.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/parameter_math.h"
#include "core/rng.h"

using namespace fennec;

namespace {

ParameterSet vector_of(std::vector<float> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  ParameterSet set(std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"v", {n}}}));
  std::copy(values.begin(), values.end(), set.values().begin());
  return set;
}

}  // namespace

TEST_CASE("a delta inside the bound is untouched") {
  ParameterSet delta = vector_of({3, 4});
  const auto report = clip_l2(delta, 5);
  REQUIRE(report);
  CHECK(report->norm == 5);
  CHECK(report->factor == 1);
  CHECK(delta.values()[0] == 3);
}

TEST_CASE("a longer delta keeps its direction and gets the bound's length") {
  ParameterSet delta = vector_of({6, 8});
  const auto report = clip_l2(delta, 5);
  REQUIRE(report);
  CHECK(report->norm == 10);
  CHECK(report->factor == doctest::Approx(0.5));
  CHECK(delta.values()[0] == doctest::Approx(3));
  CHECK(delta.values()[1] == doctest::Approx(4));
}

TEST_CASE("the bound holds for the floats that are sent, for any delta") {
  RandomStream draw(Seed(3));
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    std::vector<float> values(1 + draw.below(200));
    const double magnitude = std::pow(10.0, draw.uniform(-6, 6));
    for (float& v : values) v = static_cast<float>(draw.normal(0, magnitude));
    ParameterSet delta = vector_of(values);
    const double clip_norm = std::pow(10.0, draw.uniform(-5, 5));
    const auto report = clip_l2(delta, clip_norm);
    REQUIRE(report);
    CHECK(l2_norm(delta.values()) <= clip_norm);
    CHECK(l2_norm(delta.values()) == doctest::Approx(std::min(report->norm, clip_norm)).epsilon(1e-6));
  }
}

TEST_CASE("zero is never scaled, 0 turns clipping off, NaN and Inf are refused") {
  ParameterSet zero = vector_of({0, 0});
  CHECK(clip_l2(zero, 1)->factor == 1);
  ParameterSet big = vector_of({3e30F});
  CHECK(clip_l2(big, 0)->factor == 1);
  CHECK(big.values()[0] == 3e30F);
  ParameterSet nan = vector_of({1, std::numeric_limits<float>::quiet_NaN()});
  CHECK(clip_l2(nan, 1).error().code == ErrorCode::kNumeric);
  ParameterSet inf = vector_of({std::numeric_limits<float>::infinity()});
  CHECK(clip_l2(inf, 1).error().code == ErrorCode::kNumeric);
}
