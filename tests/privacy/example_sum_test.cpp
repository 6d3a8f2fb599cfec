#include "privacy/example_sum.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/parameter_math.h"

using namespace fennec;

namespace {

ExampleDpConfig config_of(double z = 2, int batch = 10) {
  ExampleDpConfig config;
  config.noise_multiplier = z;
  config.clip_norm = 0.5;
  config.batch_examples = batch;
  config.delta = 1e-4;
  return config;
}

std::vector<float> of_norm(std::uint64_t seed, std::size_t size, double norm) {
  std::vector<float> x(size);
  fill_normal(Seed(seed).child("x"), x, 1);
  scale(static_cast<float>(norm / l2_norm(x)), x);
  return x;
}

}  // namespace

TEST_CASE("example sum: each example joins by itself") {
  SeededRandom random(Seed(1));
  constexpr std::size_t kExamples = 40;
  std::vector<int> times(kExamples);
  double drawn = 0, squares = 0;
  constexpr int kSteps = 4000;
  for (int step = 0; step < kSteps; ++step) {
    ExampleSum sum(config_of(), kExamples, 1, random);
    const std::vector<std::size_t> batch = sum.draw();
    CHECK(std::is_sorted(batch.begin(), batch.end()));
    for (const std::size_t i : batch) ++times.at(i);
    drawn += static_cast<double>(batch.size());
    squares += static_cast<double>(batch.size() * batch.size());
  }
  const double mean = drawn / kSteps, variance = squares / kSteps - mean * mean;
  CHECK(mean == doctest::Approx(10).epsilon(0.02));
  CHECK(variance == doctest::Approx(40 * 0.25 * 0.75).epsilon(0.1));  // none for batches of fixed size
  for (const int count : times) CHECK(std::abs(count - kSteps / 4) < 5 * std::sqrt(kSteps * 0.1875));
  ExampleSum few(config_of(1, 10), 3, 1, random);  // fewer examples than a batch: all of them
  CHECK(few.draw() == std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("example sum: clipped one by one, noised once, over the expected batch") {
  constexpr std::size_t kValues = 20000;
  SeededRandom random(Seed(2));
  ExampleSum sum(config_of(), 100, kValues, random);
  std::vector<double> expected(kValues);
  for (std::uint64_t i = 0; i < 7; ++i) {
    std::vector<float> gradient = of_norm(i, kValues, i == 0 ? 1e6 : 0.1 * static_cast<double>(i));
    const double factor = std::min(1.0, 0.5 / l2_norm(gradient));
    for (std::size_t k = 0; k < kValues; ++k) expected[k] += factor * static_cast<double>(gradient[k]);
    REQUIRE(sum.add(gradient));
    CHECK(l2_norm(gradient) <= 0.5);
  }
  std::vector<float> wild(kValues);
  wild[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(sum.add(wild));
  std::vector<float> mean(kValues);
  std::move(sum).release(mean);
  double squares = 0;
  for (std::size_t k = 0; k < kValues; ++k)
    squares += std::pow(static_cast<double>(mean[k]) - expected[k] / 10, 2);
  CHECK(std::sqrt(squares / kValues) == doctest::Approx(2 * 0.5 / 10).epsilon(0.02));
}

TEST_CASE("example sum: an example more changes what is released by the clip norm at most") {
  constexpr std::size_t kValues = 50;
  const auto released = [](bool with_another) {
    SeededRandom random(Seed(3));  // the same noise for both
    ExampleSum sum(config_of(), 100, kValues, random);
    for (std::uint64_t i = 0; i < 5; ++i) {
      std::vector<float> gradient = of_norm(i, kValues, 0.4);
      REQUIRE(sum.add(gradient));
    }
    std::vector<float> loud = of_norm(99, kValues, 1e9);
    if (with_another) REQUIRE(sum.add(loud));
    std::vector<float> mean(kValues);
    std::move(sum).release(mean);
    return mean;
  };
  const std::vector<float> without = released(false), with = released(true);
  double squares = 0;
  for (std::size_t k = 0; k < kValues; ++k)
    squares += std::pow(static_cast<double>(with[k]) - static_cast<double>(without[k]), 2);
  CHECK(std::sqrt(squares) * 10 <= 0.5 * (1 + 1e-5));
  CHECK(std::sqrt(squares) * 10 > 0.49);
}

TEST_CASE("example privacy: rates and steps of a device") {
  const ExampleDpConfig config = config_of(1, 8);
  CHECK(config.sampling_rate(80) == 0.1);
  CHECK(config.sampling_rate(5) == 1);
  CHECK(config.steps(80, 20, 0) == 20);
  CHECK(config.steps(80, 20, 3) == 30);
  CHECK(config.steps(81, 20, 1) == 11);
}
