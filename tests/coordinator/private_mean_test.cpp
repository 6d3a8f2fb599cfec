#include "coordinator/private_mean.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/parameter_math.h"

using namespace fennec;

namespace {

LayoutPtr layout_of(std::int64_t size) {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {size}}});
}

DpConfig central(double clip_norm, double noise_multiplier) {
  DpConfig out;
  out.mechanism = "central";
  out.clip_norm = clip_norm;
  out.noise_multiplier = noise_multiplier;
  out.delta = 1e-6;
  return out;
}

Contribution update(const std::string& name, const LayoutPtr& layout, float first,
                    std::int64_t tokens = 10) {
  Contribution out{ClientId{name}, 1, tokens, 1, ParameterSet(layout)};
  out.delta.values()[0] = first;
  return out;
}

std::unique_ptr<RandomSource> noise(std::uint64_t seed) {
  return std::make_unique<SeededRandom>(Seed(seed));
}

}  // namespace

TEST_CASE("private mean: clipped, equal weights, a divisor that does not depend on who came") {
  const LayoutPtr layout = layout_of(3);
  PrivateMean mean(central(2, 0.001), 4, 2, noise(1));
  const ParameterSet base(layout);
  mean.begin(base, RoundId{1});
  REQUIRE(mean.accept(update("a", layout, 1, 1)));
  REQUIRE(mean.accept(update("b", layout, 100, 1000000)));  // clipped to 2
  const ParameterSet out = std::move(*mean.finish());
  CHECK(std::as_const(out).values()[0] == doctest::Approx((1 + 2) / 4.0).epsilon(0.01));
}

TEST_CASE("private mean: one device more changes the sum by no more than the clip norm") {
  const LayoutPtr layout = layout_of(256);
  for (std::uint64_t trial = 0; trial < 20; ++trial) {
    const auto fold = [&](bool with) {
      PrivateMean mean(central(0.7, 1.1), 1, 0.7, noise(5));
      const ParameterSet base(layout);
      mean.begin(base, RoundId{1});
      for (int i = 0; i < 5 + (with ? 1 : 0); ++i) {
        Contribution part = update(std::to_string(i), layout, 0);
        fill_normal(Seed(trial).child("client", static_cast<std::uint64_t>(i)), part.delta.values(), 1);
        REQUIRE(mean.accept(std::move(part)));
      }
      return std::move(*mean.finish());
    };
    const ParameterSet without = fold(false), with = fold(true);
    std::vector<float> change(layout->size());
    subtract(with.values(), without.values(), change);
    CHECK(l2_norm(change) <= 0.7 * (1 + 1e-5));  // the same noise on both: it cancels
    CHECK(l2_norm(change) > 0.69);
  }
}

TEST_CASE("private mean: that nobody came does not show, the noise is the same") {
  const LayoutPtr layout = layout_of(20000);
  PrivateMean mean(central(0.5, 2), 10, 0.5, noise(3));
  CHECK(mean.releases_nothing_received());
  const ParameterSet base(layout);
  mean.begin(base, RoundId{1});
  const ParameterSet out = std::move(*mean.finish());
  CHECK(l2_norm(out.values()) / std::sqrt(20000) == doctest::Approx(2 * 0.5 / 10).epsilon(0.02));
}

TEST_CASE("private mean: what is not finite is refused and the sum unchanged") {
  const LayoutPtr layout = layout_of(3);
  PrivateMean mean(central(1, 0.001), 1, 1, noise(1));
  const ParameterSet base(layout);
  mean.begin(base, RoundId{1});
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    CHECK(mean.accept(update("a", layout, bad)).error().code == ErrorCode::kNumeric);
  CHECK(mean.accept(update("a", layout_of(4), 1)).error().code == ErrorCode::kMismatch);
  REQUIRE(mean.accept(update("b", layout, 1e38F)));
  REQUIRE(mean.accept(update("c", layout, 1e-42F)));  // denormal
  CHECK(std::as_const(mean).next_clip_norm() == 1);
  const ParameterSet out = std::move(*mean.finish());
  CHECK(std::as_const(out).values()[0] == doctest::Approx(1).epsilon(0.01));
}

TEST_CASE("private mean: the adaptive norm moves towards the quantile and has noise of its own") {
  const LayoutPtr layout = layout_of(3);
  DpConfig config = central(1, 0.5);
  config.adaptive_clip.enabled = true;
  const auto next = [&](float norm) {
    PrivateMean mean(config, 40, 1, noise(9));
    const ParameterSet base(layout);
    mean.begin(base, RoundId{1});
    for (int i = 0; i < 40; ++i) REQUIRE(mean.accept(update(std::to_string(i), layout, norm)));
    REQUIRE(mean.finish());
    return mean.next_clip_norm();
  };
  CHECK(next(5) > 1.05);     // everyone beyond: up by e^{0.1}, give or take
  CHECK(next(0.1F) < 0.95);  // everyone within: down
}
