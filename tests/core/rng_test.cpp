#include "core/rng.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <string>

using fennec::add_signs;
using fennec::RandomStream;
using fennec::Seed;

TEST_CASE("philox gives the published known answers") {
  using Block = std::array<std::uint32_t, 4>;
  CHECK(fennec::philox4x32({0, 0, 0, 0}, {0, 0}) ==
        Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t kOnes = 0xffffffff;
  CHECK(fennec::philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(
      fennec::philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
      Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream is philox over a running counter") {
  RandomStream stream{Seed(0x299f31d0a4093822)};
  for (std::uint32_t block = 0; block < 3; ++block)
    for (const std::uint32_t word : fennec::philox4x32({block, 0, 0, 0}, {0xa4093822, 0x299f31d0}))
      CHECK(stream.next_u32() == word);
  RandomStream skipped{Seed(5), 7}, walked{Seed(5)};
  for (int i = 0; i < 28; ++i) walked.next_u32();
  CHECK(skipped.next_u64() == walked.next_u64());
}

TEST_CASE("seeds are pinned: changing them changes every published result") {
  CHECK(Seed(1).child("client", 7, 3).key() == 0x8b3bd7b8ed209b26);
  CHECK(Seed(1).child("client", "pump-07", 3).key() == 0x5a9db594b22b5682);
  RandomStream stream{Seed(42)};
  CHECK(stream.next_u64() == 0x77f5493b9ceaf053);
  CHECK(stream.uniform() == 0x1.5d0acf5c4afd4p-2);
  CHECK(stream.below(1000) == 703);
  CHECK(stream.normal() == doctest::Approx(-0.599559869627610));
  float fill[5];
  fennec::fill_uniform(Seed(42), fill, 0, 1);
  CHECK(fill[0] == 0x1.021cd8p-3f);
  CHECK(fill[4] == 0x1.f858dp-4f);
}

TEST_CASE("children of a seed differ in every argument") {
  std::set<std::uint64_t> keys;
  std::size_t made = 0;
  for (std::uint64_t root = 0; root < 4; ++root)
    for (const char* name : {"", "a", "b", "ab", "batch_order"})
      for (std::uint64_t a = 0; a < 8; ++a)
        for (std::uint64_t b = 0; b < 8; ++b, made += 2) {
          keys.insert(Seed(root).child(name, a, b).key());
          keys.insert(Seed(root).child(name, std::to_string(a), b).key());
        }
  CHECK(keys.size() == made);
  CHECK(Seed(1).child("a").child("b").key() != Seed(1).child("b").child("a").key());
}

TEST_CASE("uniform draws fill 64 cells evenly") {
  constexpr int kCells = 64, kDraws = 64000;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    RandomStream stream{Seed(seed)};
    std::array<int, kCells> counts{};
    for (int i = 0; i < kDraws; ++i) {
      const double u = stream.uniform();
      REQUIRE(u >= 0);
      REQUIRE(u < 1);
      ++counts[static_cast<std::size_t>(u * kCells)];
    }
    double chi_square = 0;
    for (const int count : counts)
      chi_square += std::pow(count - kDraws / kCells, 2) / (kDraws / kCells);
    CAPTURE(seed);
    CHECK(chi_square < 103.4);  // 63 degrees of freedom, p = 0.001
    CHECK(chi_square > 32.0);   // suspiciously even, p = 0.0005
  }
}

TEST_CASE("below is unbiased also where the bound does not divide 2^64") {
  RandomStream stream{Seed(3)};
  // Taking the remainder alone would give the lower half two thirds of the draws.
  const std::uint64_t bound = 0xC000000000000000u;
  int low = 0;
  for (int i = 0; i < 20000; ++i) low += stream.below(bound) < bound / 2 ? 1 : 0;
  CHECK(std::abs(low - 10000) < 300);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70000; ++i) ++counts[stream.below(7)];
  for (const int count : counts) CHECK(std::abs(count - 10000) < 400);
  CHECK(stream.below(1) == 0);
}

TEST_CASE("normal draws have the moments asked for") {
  RandomStream stream{Seed(11)};
  std::vector<double> draws(100000);
  for (double& x : draws) x = stream.normal(2, 3);
  const double mean = std::accumulate(draws.begin(), draws.end(), 0.0) / 100000;
  double variance = 0, skew = 0;
  for (const double x : draws) {
    variance += (x - mean) * (x - mean) / 100000;
    skew += std::pow((x - mean) / 3, 3) / 100000;
  }
  CHECK(std::abs(mean - 2) < 0.04);
  CHECK(std::abs(variance - 9) < 0.2);
  CHECK(std::abs(skew) < 0.04);
}

TEST_CASE("categorical follows its weights and never picks a zero") {
  RandomStream stream{Seed(4)};
  const std::array<double, 4> weights = {1, 0, 3, 6};
  std::array<int, 4> counts{};
  for (int i = 0; i < 100000; ++i) ++counts[stream.categorical(weights)];
  CHECK(counts[1] == 0);
  CHECK(std::abs(counts[0] - 10000) < 500);
  CHECK(std::abs(counts[2] - 30000) < 700);
  CHECK(std::abs(counts[3] - 60000) < 700);
}

TEST_CASE("a shuffle is a permutation, and each order of three is as likely") {
  std::array<int, 27> seen{};
  RandomStream stream{Seed(8)};
  for (int i = 0; i < 6000; ++i) {
    std::vector<int> items = {0, 1, 2};
    stream.shuffle(items);
    REQUIRE(std::is_permutation(items.begin(), items.end(), std::array{0, 1, 2}.begin()));
    ++seen[static_cast<std::size_t>(items[0] * 9 + items[1] * 3 + items[2])];
  }
  CHECK(std::count_if(seen.begin(), seen.end(), [](int n) { return n > 850 && n < 1150; }) == 6);
}

TEST_CASE("element i of a fill depends on the seed and i alone") {
  std::vector<float> longer(101), shorter(37), normal(101), normal_shorter(42);
  fennec::fill_uniform(Seed(6), longer, -0.25f, 0.25f);
  fennec::fill_uniform(Seed(6), shorter, -0.25f, 0.25f);
  CHECK(std::equal(shorter.begin(), shorter.end(), longer.begin()));
  CHECK(std::all_of(longer.begin(), longer.end(), [](float x) { return x >= -0.25f && x < 0.25f; }));
  fennec::fill_normal(Seed(6), normal, 2);
  fennec::fill_normal(Seed(6), normal_shorter, 2);
  CHECK(std::equal(normal_shorter.begin(), normal_shorter.end(), normal.begin()));
  std::vector<float> many(100000);
  fennec::fill_normal(Seed(7), many, 2);
  double square = 0;
  for (const float x : many) square += static_cast<double>(x) * x / 100000;
  CHECK(std::abs(square - 4) < 0.1);
}

TEST_CASE("random signs are the same whole and in parts, add up to the step and are fair") {
  constexpr std::size_t kCount = 1000;
  std::vector<float> zero(kCount, 0.0F), whole(kCount), parts(kCount);
  add_signs(Seed(3), 0.5F, zero, whole);
  for (const std::size_t block : {1U, 7U, 128U, 300U}) {
    for (std::size_t at = 0; at < kCount; at += block) {
      const std::size_t size = std::min<std::size_t>(block, kCount - at);
      add_signs(Seed(3), 0.5F, std::span(zero).subspan(at, size), std::span(parts).subspan(at, size),
                at);
    }
    CHECK(parts == whole);
  }
  int up = 0;
  for (const float value : whole) {
    CHECK(std::abs(value) == 0.5F);
    up += value > 0;
  }
  CHECK(std::abs(up - 500) < 80);  // five standard deviations
  std::vector<float> other(kCount), back = whole;
  add_signs(Seed(4), 0.5F, zero, other);
  CHECK(other != whole);
  add_signs(Seed(3), -0.5F, back, back);
  CHECK(back == zero);
}

TEST_CASE("a gradient estimated along random signs is the true one in the mean, on a quadratic") {
  // L(x) = ½ Σ k_i·x_i²: the symmetric difference along z is exactly z·∇L, whatever epsilon.
  constexpr std::size_t kSize = 10, kDirections = 200'000;
  const std::vector<float> zero(kSize, 0.0F);
  std::vector<double> gradient(kSize), mean(kSize, 0.0);
  for (std::size_t i = 0; i < kSize; ++i) gradient[i] = std::sin(1.0 + static_cast<double>(i)) * 3;
  std::vector<float> z(kSize);
  for (std::size_t n = 0; n < kDirections; ++n) {
    add_signs(Seed(1).child("direction", n), 1.0F, zero, z);
    double slope = 0;
    for (std::size_t i = 0; i < kSize; ++i) slope += gradient[i] * static_cast<double>(z[i]);
    for (std::size_t i = 0; i < kSize; ++i)
      mean[i] += slope * static_cast<double>(z[i]) / static_cast<double>(kDirections);
  }
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    error += std::pow(mean[i] - gradient[i], 2);
    norm += std::pow(gradient[i], 2);
  }
  CHECK(std::sqrt(error / norm) < 0.02);
}

TEST_CASE("the symmetric difference along signs is exact on a quadratic for any epsilon") {
  constexpr std::size_t kSize = 12;
  const std::vector<float> zero(kSize, 0.0F);
  std::vector<float> z(kSize);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RandomStream random{Seed(seed)};
    std::vector<double> x(kSize), k(kSize);
    for (std::size_t i = 0; i < kSize; ++i) {
      x[i] = random.normal();
      k[i] = random.uniform(0.1, 3);
    }
    add_signs(Seed(seed), 1.0F, zero, z);
    const auto loss = [&](double along) {
      double sum = 0;
      for (std::size_t i = 0; i < kSize; ++i)
        sum += 0.5 * k[i] * std::pow(x[i] + along * static_cast<double>(z[i]), 2);
      return sum;
    };
    double exact = 0;
    for (std::size_t i = 0; i < kSize; ++i) exact += k[i] * x[i] * static_cast<double>(z[i]);
    for (const double epsilon : {1e-3, 1e-1, 1.0, 30.0})
      CHECK((loss(epsilon) - loss(-epsilon)) / (2 * epsilon) == doctest::Approx(exact).epsilon(1e-9));
  }
}
