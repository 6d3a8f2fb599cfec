#include "core/parameter_set.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/parameter_math.h"
#include "core/rng.h"

using namespace fennec;  // NOLINT: test

namespace {

LayoutPtr layout(std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors) {
  return std::make_shared<ParameterLayout>(std::move(tensors));
}

std::vector<float> draws(std::uint64_t seed, std::size_t n) {
  std::vector<float> x(n);
  fill_normal(Seed(seed), x, 3);
  return x;
}

}  // namespace

static_assert(!std::is_copy_constructible_v<ParameterSet> && !std::is_copy_assignable_v<ParameterSet>);
static_assert(std::is_nothrow_move_constructible_v<ParameterSet>);

TEST_CASE("a layout is dense, in order, and found by name") {
  const auto l = layout({{"a", {2, 3}}, {"scalar", {}}, {"none", {0, 4}}, {"b", {5}}});
  CHECK(l->size() == 12);
  CHECK(l->find("scalar")->offset == 6);
  CHECK(l->find("scalar")->size == 1);
  CHECK(l->find("none")->size == 0);
  CHECK(l->find("b")->offset == 7);
  CHECK(l->find("c") == nullptr);
}

TEST_CASE("the digest tells layouts apart by names, shapes and order") {
  const auto base = layout({{"a", {2, 3}}, {"b", {4}}});
  CHECK(*base == *layout({{"a", {2, 3}}, {"b", {4}}}));
  CHECK_FALSE(*base == *layout({{"b", {4}}, {"a", {2, 3}}}));
  CHECK_FALSE(*base == *layout({{"a", {3, 2}}, {"b", {4}}}));
  CHECK_FALSE(*base == *layout({{"a", {6}}, {"b", {4}}}));
  CHECK_FALSE(*base == *layout({{"a", {2, 3}}, {"c", {4}}}));
  CHECK(base->digest().size() == 64);
}

TEST_CASE("a parameter set starts at zero, aligned, and clones deeply") {
  ParameterSet set(layout({{"a", {3, 5}}, {"b", {2}}}));
  CHECK(reinterpret_cast<std::uintptr_t>(set.values().data()) % 64 == 0);
  for (const float x : set.values()) CHECK(x == 0);
  ParameterSet copy = set.clone();
  set.values(*set.layout()->find("b"))[1] = 7;
  CHECK(set.values()[16] == 7);
  CHECK(copy.values()[16] == 0);
  CHECK(set.bytes().size() == 17 * 4);
  CHECK(ParameterSet().clone().empty());
  CHECK(ParameterSet(layout({})).values().empty());
}

TEST_CASE("vector arithmetic agrees with the obvious loop at every length") {
  for (std::size_t n = 0; n < 70; ++n) {
    CAPTURE(n);
    const auto a = draws(n, n), b = draws(n + 1000, n);
    std::vector<float> y = b, difference(n), scaled = a;
    axpy(0.5f, a, y);
    subtract(a, b, difference);
    scale(-2, scaled);
    double square = 0;
    for (std::size_t i = 0; i < n; ++i) {
      CHECK(y[i] == b[i] + 0.5f * a[i]);
      CHECK(difference[i] == a[i] - b[i]);
      CHECK(scaled[i] == -2 * a[i]);
      square += static_cast<double>(a[i]) * a[i];
    }
    CHECK(l2_norm(a) == doctest::Approx(std::sqrt(square)).epsilon(1e-12));
    CHECK(l2_norm(a) == l2_norm(a));
  }
}

TEST_CASE("one bad value anywhere is found") {
  for (std::size_t n = 1; n < 40; ++n) {
    auto x = draws(n, n);
    CHECK(all_finite(x));
    for (std::size_t i = 0; i < n; ++i)
      for (const float bad :
           {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
            std::numeric_limits<float>::quiet_NaN()}) {
        const float old = std::exchange(x[i], bad);
        CHECK_FALSE(all_finite(x));
        x[i] = old;
      }
  }
  const float extremes[] = {std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(),
                            0};
  CHECK(all_finite(extremes));
}
