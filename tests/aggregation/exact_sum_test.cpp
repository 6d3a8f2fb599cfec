#include "aggregation/exact_sum.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/rng.h"

using namespace fennec;

namespace {

/// Floats of any finite bit pattern: denormals, both zeros, the largest.
std::vector<float> any_floats(RandomStream& draw, std::size_t n) {
  std::vector<float> out(n);
  for (float& v : out) do
      v = std::bit_cast<float>(draw.next_u32());
    while (!std::isfinite(v));
  return out;
}

std::vector<float> mean_of(const std::vector<std::vector<float>>& terms,
                           const std::vector<double>& weights, std::size_t together,
                           std::size_t* expanded = nullptr) {
  ExactSum sum(terms[0].size());
  std::vector<ExactSum::Term> some;
  double total = 0;
  for (std::size_t k = 0; k < terms.size(); ++k) {
    some.push_back({weights[k], terms[k]});
    total += weights[k];
    if (some.size() < together && k + 1 < terms.size()) continue;
    sum.add(some);
    some.clear();
  }
  if (expanded != nullptr) *expanded = sum.expanded_blocks();
  std::vector<float> out(terms[0].size());
  sum.write(out, 1, total);
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("exact sum: no order of the terms and no grouping shows, whatever floats they are") {
  for (std::uint64_t seed = 0; seed < 80; ++seed) {
    CAPTURE(seed);
    RandomStream draw{Seed(seed)};
    const std::size_t clients = 1 + draw.below(12), size = 1 + draw.below(700);
    std::vector<std::vector<float>> terms;
    std::vector<double> weights;
    for (std::size_t k = 0; k < clients; ++k) {
      terms.push_back(any_floats(draw, size));
      weights.push_back(static_cast<double>(1 + draw.below(1 << 28)));
    }
    const std::vector<float> first = mean_of(terms, weights, 1);
    for (int trial = 0; trial < 3; ++trial) {
      std::vector<std::size_t> order(clients);
      for (std::size_t k = 0; k < clients; ++k) order[k] = k;
      draw.shuffle(order);
      std::vector<std::vector<float>> shuffled;
      std::vector<double> their_weights;
      for (const std::size_t k : order) {
        shuffled.push_back(terms[k]);
        their_weights.push_back(weights[k]);
      }
      CHECK(same_bits(mean_of(shuffled, their_weights, 1 + draw.below(5)), first));
    }
  }
}

TEST_CASE("exact sum: terms that cancel leave the smallest one, which doubles would have lost") {
  const std::vector<std::vector<float>> terms{{0x1p120F}, {0x1p-140F}, {1.0F}, {-0x1p120F}, {-1.0F}};
  std::size_t expanded = 0;
  const std::vector<float> mean = mean_of(terms, {3, 5, 1, 3, 1}, 5, &expanded);
  CHECK(expanded == 1);
  CHECK(mean[0] == static_cast<float>(5 * 0x1p-140 / 13));
}

TEST_CASE("exact sum: deltas as they come need no more than two doubles") {
  RandomStream draw(Seed(3));
  std::vector<std::vector<float>> terms;
  std::vector<double> weights;
  for (std::uint64_t k = 0; k < 100; ++k) {
    terms.emplace_back(2000);
    fill_normal(Seed(k), terms.back(), 1e-3F);
    weights.push_back(static_cast<double>(1 + draw.below(20000)));
  }
  std::size_t expanded = 1;
  const std::vector<float> mean = mean_of(terms, weights, 16, &expanded);
  CHECK(expanded == 0);
  for (std::size_t i = 0; i < mean.size(); ++i) {
    long double sum = 0, total = 0;
    for (std::size_t k = 0; k < terms.size(); ++k) {
      sum += static_cast<long double>(weights[k]) * static_cast<long double>(terms[k][i]);
      total += static_cast<long double>(weights[k]);
    }
    CHECK(mean[i] == doctest::Approx(static_cast<double>(sum / total)).epsilon(1e-6));
  }
}

TEST_CASE("exact sum: nothing but minus zeros stays minus zero") {
  CHECK(std::signbit(mean_of({{-0.0F}, {-0.0F}}, {1, 2}, 1)[0]));
  CHECK_FALSE(std::signbit(mean_of({{-0.0F}, {0.0F}}, {1, 2}, 1)[0]));
}
