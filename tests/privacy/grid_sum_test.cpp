#include "privacy/grid_sum.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/parameter_math.h"
#include "core/parameter_set.h"
#include "privacy/adaptive_clip.h"
#include "privacy/clip.h"

using namespace fennec;

TEST_CASE("noise grid: rounding never makes a norm larger, and the noise is never less than asked") {
  for (const double stddev : {0.001, 0.7, 1.0, 123.0}) {
    const NoiseGrid grid(stddev);
    CHECK(static_cast<double>(grid.stddev_points()) * grid.step() >= stddev);
    CHECK(static_cast<double>(grid.stddev_points()) * grid.step() < stddev * (1 + 1e-5));
    CHECK(grid.stddev_points() >= 1 << 20);
  }
  const NoiseGrid coarse(0.5);
  std::vector<float> x(4096);
  fill_normal(Seed(5), x, 0.01F);
  std::vector<float> rounded(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    rounded[i] = static_cast<float>(static_cast<double>(coarse.round(x[i])) * coarse.step());
    CHECK(std::abs(rounded[i]) <= std::abs(x[i]));
    CHECK(std::abs(rounded[i] - x[i]) <= coarse.step());
  }
  CHECK(l2_norm(rounded) <= l2_norm(x));
}

TEST_CASE("grid sum: without noise worth speaking of it is the sum over the divisor") {
  const NoiseGrid grid(1e-6);
  GridSum sum(grid, 3);
  sum.add(std::vector<float>{1, -2, 0.5F});
  sum.add(std::vector<float>{0.25F, -1, 0});
  SeededRandom noise(Seed(1));
  std::vector<float> out(3);
  std::move(sum).release(noise, 4, out);
  CHECK(out[0] == doctest::Approx(0.3125).epsilon(1e-4));
  CHECK(out[1] == doctest::Approx(-0.75).epsilon(1e-4));
  CHECK(out[2] == doctest::Approx(0.125).epsilon(1e-4));
}

TEST_CASE("grid sum: noise audit: std within 1 %, no mean, independent from round to round") {
  constexpr std::size_t kSize = 100000;
  const NoiseGrid grid(0.8);
  std::vector<std::vector<float>> rounds;
  for (std::uint64_t round = 0; round < 2; ++round) {
    SeededRandom noise(Seed(9).child("round", round));
    GridSum sum(grid, kSize);
    sum.add(std::vector<float>(kSize));
    std::move(sum).release(noise, 1, rounds.emplace_back(kSize));
  }
  double mean = 0, square = 0, across = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    const double a = static_cast<double>(rounds[0][i]), b = static_cast<double>(rounds[1][i]);
    mean += a;
    square += a * a;
    across += a * b;
  }
  CHECK(std::sqrt(square / kSize) == doctest::Approx(0.8).epsilon(0.01));
  CHECK(std::abs(mean / kSize) < 5 * 0.8 / std::sqrt(kSize));
  CHECK(std::abs(across / kSize) / 0.64 < 5 / std::sqrt(kSize));
}

TEST_CASE("adaptive clip: the joint budget of the count and the vectors") {
  CHECK(vector_noise_multiplier(1, 5) == doctest::Approx(1.0050378).epsilon(1e-7));
}

TEST_CASE("adaptive clip: the norm finds the median of the cohort's norms") {
  const AdaptiveClip rule;
  double clip = 0.1;
  for (std::uint64_t round = 0; round < 150; ++round) {
    RandomStream norms(Seed(2).child("norms", round));
    std::int64_t within = 0, beyond = 0;
    for (int i = 0; i < 100; ++i) (norms.uniform(0, 4) <= clip ? within : beyond) += 1;
    SeededRandom noise(Seed(2).child("noise", round));
    clip = next_clip_norm(rule, clip, within, beyond, 100, 5, noise);
  }
  CHECK(clip == doctest::Approx(2).epsilon(0.15));
  SeededRandom noise(Seed(1));
  const AdaptiveClip bounded{0.5, 5, 0.5, 1.5};
  CHECK(next_clip_norm(bounded, 1, 1000, 0, 1000, 1, noise) == 0.5);
  CHECK(next_clip_norm(bounded, 1, 0, 1000, 1000, 1, noise) == 1.5);
}
