// Every strategy of live runs obeys these, so a new one is tested before it has tests of its own.
#include <doctest/doctest.h>

#include <algorithm>
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
    config.rule.q = 0;  // of q-FedAvg, the exponent with which it is a mean
    const auto aggregator = make_aggregator(config);
    law(*aggregator, *find_strategy(name));
  }
}

ParameterSet combine(Aggregator& aggregator, const std::vector<Contribution>& contributions,
                     RoundId round = RoundId{1}) {
  const ParameterSet base = law_base(contributions.front().delta.layout());
  aggregator.begin(base, round);
  for (const Contribution& c : contributions) REQUIRE(aggregator.accept(copy_of(c)));
  Result<ParameterSet> made = aggregator.finish();
  REQUIRE(made);
  return std::move(*made);
}

std::vector<Contribution> cohort_of(int size) {
  std::vector<Contribution> out;
  for (int k = 0; k < size; ++k)
    out.push_back(contribution(law_layout(), static_cast<std::uint64_t>(k), "c" + std::to_string(k),
                               10 + 31 * k));
  return out;
}

}  // namespace

TEST_CASE("strategies are registered, and robust ones among them") {
  CHECK(aggregator_names().size() > 10);
  CHECK(std::any_of(std::begin(kStrategyTraits), std::end(kStrategyTraits),
                    [](const auto& t) { return t.combining == Combining::kRobust; }));
}

TEST_CASE("law: one client's delta comes out bit for bit") {
  for_every_aggregator([](Aggregator& aggregator, const StrategyTraits& traits) {
    if (traits.fewest > 1) return;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      std::vector<Contribution> one;
      one.push_back(contribution(law_layout(), seed, "a", static_cast<std::int64_t>(1 + seed * 977)));
      CHECK(same_bytes(combine(aggregator, one), one[0].delta));
    }
  });
}

TEST_CASE("law: identical clients change nothing") {
  for_every_aggregator([](Aggregator& aggregator, const StrategyTraits&) {
    std::vector<Contribution> same;
    for (int k = 0; k < 7; ++k)
      same.push_back(contribution(law_layout(), 3, "c" + std::to_string(k), 13 + 7 * k));
    const ParameterSet combined = combine(aggregator, same);
    for (std::size_t i = 0; i < combined.size(); ++i)
      CHECK(combined.values()[i] == same[0].delta.values()[i]);
  });
}

TEST_CASE("law: zero deltas give a zero delta") {
  for_every_aggregator([](Aggregator& aggregator, const StrategyTraits&) {
    std::vector<Contribution> zeros = cohort_of(5);
    for (Contribution& c : zeros) std::ranges::fill(c.delta.values(), 0.0F);
    const ParameterSet combined = combine(aggregator, zeros);
    for (const float v : combined.values()) CHECK(v == 0.0F);
  });
}

TEST_CASE("law: no order of arrival shows, to the last bit") {
  for_every_aggregator([](Aggregator& aggregator, const StrategyTraits&) {
    std::vector<Contribution> cohort = cohort_of(9);
    const ParameterSet first = combine(aggregator, cohort);
    RandomStream draw(Seed(4));
    for (int trial = 0; trial < 10; ++trial) {
      draw.shuffle(cohort);
      CHECK(same_bytes(combine(aggregator, cohort), first));
    }
  });
}

TEST_CASE("law: rounds do not leak into each other") {
  for_every_aggregator([](Aggregator& aggregator, const StrategyTraits&) {
    const std::vector<Contribution> cohort = cohort_of(5);
    const ParameterSet first = combine(aggregator, cohort);
    std::vector<Contribution> other;
    for (int k = 0; k < 4; ++k)
      other.push_back(contribution(law_layout(), static_cast<std::uint64_t>(90 + k),
                                   "z" + std::to_string(k), 1000));
    combine(aggregator, other);
    CHECK(same_bytes(combine(aggregator, cohort), first));
  });
}

TEST_CASE("law: a bad contribution is refused and leaves the aggregate as it was") {
  for_every_aggregator([](Aggregator& aggregator, const StrategyTraits&) {
    const std::vector<Contribution> good = cohort_of(4);
    const ParameterSet expected = combine(aggregator, good);
    const LayoutPtr layout = good[0].delta.layout();
    const ParameterSet base = law_base(layout);
    aggregator.begin(base, RoundId{2});
    REQUIRE(aggregator.accept(copy_of(good[0])));
    for (const float poison :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Contribution bad = contribution(layout, 3, "n", 10);
      bad.delta.values()[4] = poison;
      CHECK(aggregator.accept(std::move(bad)).error().code == ErrorCode::kNumeric);
    }
    for (const std::int64_t tokens : {0, -5})
      CHECK(aggregator.accept(contribution(layout, 3, "w", tokens)).error().code ==
            ErrorCode::kMalformed);
    const auto other = std::make_shared<const ParameterLayout>(
        std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"other", {23}}});
    CHECK(aggregator.accept(contribution(other, 3, "l", 10)).error().code == ErrorCode::kMismatch);
    for (std::size_t k = 1; k < good.size(); ++k) REQUIRE(aggregator.accept(copy_of(good[k])));
    const Result<ParameterSet> made = aggregator.finish();
    REQUIRE(made);
    CHECK(same_bytes(*made, expected));
  });
}

TEST_CASE("law: fewer updates than a strategy needs are an error, not a worse result") {
  for_every_aggregator([](Aggregator& aggregator, const StrategyTraits& traits) {
    if (traits.fewest < 2) return;
    const ParameterSet base = law_base(law_layout());
    aggregator.begin(base, RoundId{1});
    REQUIRE(aggregator.accept(contribution(law_layout(), 1, "a", 10)));
    CHECK(aggregator.finish().error().code == ErrorCode::kMalformed);
  });
}

TEST_CASE("law: what does not travel does not move") {
  for (const std::string& name : server_optimizer_names())
    for (const Half half : {Half::kA, Half::kB}) {
      CAPTURE(name);
      AggregationConfig config;
      config.server_optimizer = name;
      const LayoutPtr layout = law_layout();
      const auto optimizer = make_server_optimizer(config);
      ParameterSet adapter = law_base(layout);
      optimizer->step(adapter, contribution(layout, 1, "x", 1).delta);  // moments that could drift
      const ParameterSet before = adapter.clone();
      optimizer->step(adapter, contribution(layout, 2, "x", 1).delta, half);
      for (const ParameterEntry& entry : layout->entries()) {
        const bool moves = entry.name.ends_with(half == Half::kA ? "lora_A.weight" : "lora_B.weight");
        CHECK(std::ranges::equal(std::as_const(adapter).values(entry), before.values(entry)) != moves);
      }
    }
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
