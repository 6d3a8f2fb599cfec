#include "lora/state_codec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/rng.h"
#include "lora/prefix_cache_config.h"

using namespace fennec;  // NOLINT: test

namespace {

constexpr std::size_t kWidth = 24, kTokens = 7;

/// Rows of very different size, as a residual stream's are.
std::vector<float> states() {
  std::vector<float> values(kTokens * kWidth);
  fill_normal(Seed(4), values, 1);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] *= std::pow(10.0F, static_cast<float>(i / kWidth) - 3);
  values[3] = -0.0F;
  return values;
}

std::vector<float> there_and_back(StatePrecision precision, const std::vector<float>& values) {
  const auto bytes = encode_states(precision, values, kWidth);
  REQUIRE(bytes.size() == encoded_bytes(precision, values.size() / kWidth, kWidth));
  std::vector<float> out(values.size(), 99);
  decode_states(precision, bytes, kWidth, out);
  return out;
}

}  // namespace

TEST_CASE("kept states: fp32 is the same bits, whatever they are") {
  auto values = states();
  values[5] = std::numeric_limits<float>::infinity();
  values[6] = std::numeric_limits<float>::quiet_NaN();
  const auto back = there_and_back(StatePrecision::kFp32, values);
  CHECK(std::ranges::equal(std::as_bytes(std::span(values)), std::as_bytes(std::span(back))));
}

TEST_CASE("kept states: bf16 errs by at most 2⁻⁸ of a value, int8 by half a step of its token") {
  const auto values = states();
  const auto half = there_and_back(StatePrecision::kBf16, values),
             eight = there_and_back(StatePrecision::kInt8, values);
  for (std::size_t t = 0; t < kTokens; ++t) {
    float most = 0;
    for (std::size_t i = t * kWidth; i < (t + 1) * kWidth; ++i)
      most = std::max(most, std::abs(values[i]));
    for (std::size_t i = t * kWidth; i < (t + 1) * kWidth; ++i) {
      CHECK(std::abs(half[i] - values[i]) <= std::abs(values[i]) / 256 * 1.0001F);
      CHECK(std::abs(eight[i] - values[i]) <= most / 127 / 2 * 1.0001F);
    }
  }
}

TEST_CASE("kept states: what was rounded once stays as it is") {
  for (const StatePrecision precision : {StatePrecision::kBf16, StatePrecision::kInt8}) {
    const auto once = there_and_back(precision, states());
    const auto twice = there_and_back(precision, once);
    for (std::size_t i = 0; i < once.size(); ++i)
      CHECK(twice[i] == doctest::Approx(once[i]).epsilon(1e-6));
  }
}

TEST_CASE("kept states: int8 knows tokens of zeros, and one that is not finite becomes NaN") {
  std::vector<float> values(3 * kWidth, 0.0F);
  values[kWidth + 2] = std::numeric_limits<float>::infinity();
  values[2 * kWidth] = 5;
  const auto back = there_and_back(StatePrecision::kInt8, values);
  for (std::size_t i = 0; i < kWidth; ++i) {
    CHECK(back[i] == 0);
    CHECK(std::isnan(back[kWidth + i]));
  }
  CHECK(back[2 * kWidth] == 5);
}

TEST_CASE("kept states: sizes, and the names of the configuration") {
  CHECK(encoded_bytes(StatePrecision::kFp32, 10, 576) == 10 * 576 * 4);
  CHECK(encoded_bytes(StatePrecision::kBf16, 10, 576) == 10 * 576 * 2);
  CHECK(encoded_bytes(StatePrecision::kInt8, 10, 576) == 10 * (576 + 4));
  CHECK(state_precision("fp32") == StatePrecision::kFp32);
  CHECK(state_precision("bf16") == StatePrecision::kBf16);
  CHECK(state_precision("int8") == StatePrecision::kInt8);
  for (const std::string& name : state_precision_names()) CHECK_NOTHROW(state_precision(name));
  CHECK_THROWS_AS(state_precision("fp16"), ConfigError);
  CHECK(there_and_back(StatePrecision::kInt8, {}).empty());
}
