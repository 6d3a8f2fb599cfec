// Every registered strategy obeys these, so a new one is tested before it has tests of its own.
#include <doctest/doctest.h>

#include <limits>

#include "tests/laws/support.h"

using namespace fennec;
using namespace fennec::test;

namespace {

template <class Law>
void for_every_aggregator(Law law) {
  for (const std::string& name : aggregator_names()) {
    CAPTURE(name);
    AggregationConfig config;
    config.strategy = name;
    const auto aggregator = make_aggregator(config);
    law(*aggregator);
  }
}

ParameterSet combine(Aggregator& aggregator, const std::vector<Contribution>& contributions) {
  aggregator.begin(contributions.front().delta.layout(), RoundId{1});
  for (const Contribution& c : contributions) REQUIRE(aggregator.accept(c));
  return aggregator.finish();
}

}  // namespace

TEST_CASE("at least one strategy is registered") { CHECK_FALSE(aggregator_names().empty()); }

TEST_CASE("law: one client's delta comes out bit for bit") {
  for_every_aggregator([](Aggregator& aggregator) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      std::vector<Contribution> one;
      one.push_back(contribution(law_layout(), seed, "a", static_cast<std::int64_t>(1 + seed * 977)));
      CHECK(same_bytes(combine(aggregator, one), one[0].delta));
    }
  });
}

TEST_CASE("law: identical clients change nothing") {
  for_every_aggregator([](Aggregator& aggregator) {
    std::vector<Contribution> same;
    for (int k = 0; k < 7; ++k)
      same.push_back(contribution(law_layout(), 3, "c" + std::to_string(k), 13 + 7 * k));
    CHECK(same_bytes(combine(aggregator, same), same[0].delta));
  });
}

TEST_CASE("law: zero deltas give a zero delta") {
  for_every_aggregator([](Aggregator& aggregator) {
    std::vector<Contribution> zeros;
    for (int k = 0; k < 3; ++k) {
      zeros.push_back(contribution(law_layout(), 3, "c" + std::to_string(k), 13));
      std::fill(zeros.back().delta.values().begin(), zeros.back().delta.values().end(), 0.0F);
    }
    const ParameterSet combined = combine(aggregator, zeros);
    for (const float v : combined.values()) CHECK(v == 0.0F);
  });
}

TEST_CASE("law: rounds do not leak into each other, and the same order gives the same bits") {
  for_every_aggregator([](Aggregator& aggregator) {
    std::vector<Contribution> cohort;
    for (int k = 0; k < 5; ++k)
      cohort.push_back(
          contribution(law_layout(), static_cast<std::uint64_t>(k), "c" + std::to_string(k), 10 + k));
    const ParameterSet first = combine(aggregator, cohort);
    std::vector<Contribution> other;
    other.push_back(contribution(law_layout(), 99, "z", 1000));
    combine(aggregator, other);
    CHECK(same_bytes(combine(aggregator, cohort), first));
  });
}

TEST_CASE("law: another order differs at most by rounding") {
  for_every_aggregator([](Aggregator& aggregator) {
    std::vector<Contribution> cohort;
    for (int k = 0; k < 9; ++k)
      cohort.push_back(contribution(law_layout(), static_cast<std::uint64_t>(k),
                                    "c" + std::to_string(k), 10 + 31 * k));
    const ParameterSet forward = combine(aggregator, cohort);
    std::reverse(cohort.begin(), cohort.end());
    const ParameterSet backward = combine(aggregator, cohort);
    for (std::size_t i = 0; i < forward.size(); ++i)
      CHECK(forward.values()[i] == doctest::Approx(backward.values()[i]).epsilon(1e-6));
  });
}

TEST_CASE("law: a bad contribution is refused and leaves the aggregate as it was") {
  for_every_aggregator([](Aggregator& aggregator) {
    const LayoutPtr layout = law_layout();
    std::vector<Contribution> good;
    good.push_back(contribution(layout, 1, "a", 10));
    good.push_back(contribution(layout, 2, "b", 20));
    const ParameterSet expected = combine(aggregator, good);

    aggregator.begin(layout, RoundId{2});
    REQUIRE(aggregator.accept(good[0]));
    for (const float poison :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Contribution bad = contribution(layout, 3, "n", 10);
      bad.delta.values()[4] = poison;
      CHECK(aggregator.accept(bad).error().code == ErrorCode::kNumeric);
    }
    const Contribution weightless = contribution(layout, 3, "w", 0),
                       negative = contribution(layout, 3, "w", -5);
    CHECK(aggregator.accept(weightless).error().code == ErrorCode::kMalformed);
    CHECK(aggregator.accept(negative).error().code == ErrorCode::kMalformed);
    const auto other = std::make_shared<const ParameterLayout>(
        std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"other", {23}}});
    CHECK(aggregator.accept(contribution(other, 3, "l", 10)).error().code == ErrorCode::kMismatch);
    REQUIRE(aggregator.accept(good[1]));
    CHECK(same_bytes(aggregator.finish(), expected));
  });
}

TEST_CASE(
    "law: a zero delta without past steps moves no adapter, and saved state continues bit for bit") {
  for (const std::string& name : server_optimizer_names()) {
    CAPTURE(name);
    AggregationConfig config;
    config.server_optimizer = name;
    const LayoutPtr layout = law_layout();
    const ParameterSet zero(layout);
    ParameterSet adapter = contribution(layout, 1, "x", 1).delta.clone();
    const ParameterSet before = adapter.clone();
    make_server_optimizer(config)->step(adapter, zero);
    for (std::size_t i = 0; i < adapter.size(); ++i) CHECK(adapter.values()[i] == before.values()[i]);

    const auto straight = make_server_optimizer(config);
    auto resumed = make_server_optimizer(config);
    ParameterSet x = before.clone(), y = before.clone();
    for (std::uint64_t step = 0; step < 4; ++step) {
      const Contribution delta = contribution(layout, 10 + step, "x", 1);
      straight->step(x, delta.delta);
      resumed->step(y, delta.delta);
      std::vector<ParameterSet> saved;
      for (const ParameterSet* moment : resumed->state()) saved.push_back(moment->clone());
      resumed = make_server_optimizer(config);
      REQUIRE(resumed->restore(std::move(saved)));
    }
    CHECK(same_bytes(x, y));
  }
}
