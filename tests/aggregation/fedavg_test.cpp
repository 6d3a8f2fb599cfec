#include <doctest/doctest.h>

#include <limits>
#include <utility>

#include "aggregation/aggregator.h"
#include "tests/laws/support.h"

using namespace fennec;
using namespace fennec::test;

namespace {

ParameterSet combine(const AggregationConfig& config, std::vector<Contribution> all) {
  const auto aggregator = make_aggregator(config);
  const ParameterSet base = law_base(all[0].delta.layout());
  aggregator->begin(base, RoundId{1});
  for (Contribution& c : all) REQUIRE(aggregator->accept(std::move(c)));
  Result<ParameterSet> made = aggregator->finish();
  REQUIRE(made);
  return std::move(*made);
}

AggregationConfig named(const char* strategy) {
  AggregationConfig config;
  config.strategy = strategy;
  return config;
}

}  // namespace

TEST_CASE("fedavg is the mean weighted by supervised tokens") {
  const LayoutPtr layout = law_layout();
  RandomStream draw(Seed(9));
  for (int trial = 0; trial < 50; ++trial) {
    CAPTURE(trial);
    std::vector<Contribution> all;
    std::vector<long double> sum(layout->size(), 0);
    long double weights = 0;
    const std::uint64_t clients = 1 + draw.below(40);  // more than are folded together
    for (std::uint64_t k = 0; k < clients; ++k) {
      all.push_back(contribution(layout, draw.next_u64(), "c" + std::to_string(k),
                                 static_cast<std::int64_t>(1 + draw.below(5000))));
      for (std::size_t i = 0; i < layout->size(); ++i)
        sum[i] += static_cast<long double>(all.back().supervised_tokens) *
                  static_cast<long double>(std::as_const(all.back().delta).values()[i]);
      weights += static_cast<long double>(all.back().supervised_tokens);
    }
    const ParameterSet mean = combine(named("fedavg"), std::move(all));
    for (std::size_t i = 0; i < layout->size(); ++i)
      CHECK(mean.values()[i] ==
            doctest::Approx(static_cast<double>(sum[i] / weights)).epsilon(1e-6).scale(1e-6));
  }
}

TEST_CASE("fednova: equal steps are fedavg, and more steps give no more influence") {
  const auto clients = [](std::int64_t steps_of_b) {
    std::vector<Contribution> out;
    out.push_back(contribution(law_layout(), 1, "a", 100));
    out.push_back(contribution(law_layout(), 2, "b", 300));
    out[0].steps = 4;
    out[1].steps = steps_of_b;
    return out;
  };
  const ParameterSet plain = combine(named("fedavg"), clients(4)),
                     same = combine(named("fednova"), clients(4));
  for (std::size_t i = 0; i < plain.size(); ++i)
    CHECK(same.values()[i] == doctest::Approx(plain.values()[i]).epsilon(1e-6));
  // τ = (4, 8), p = (¼, ¾): τ_eff = 7; Δ = 7·(¼·Δa/4 + ¾·Δb/8).
  const std::vector<Contribution> unequal = clients(8);
  const ParameterSet made = combine(named("fednova"), clients(8));
  for (std::size_t i = 0; i < made.size(); ++i)
    CHECK(made.values()[i] ==
          doctest::Approx(7 * (0.25 * static_cast<double>(unequal[0].delta.values()[i]) / 4 +
                               0.75 * static_cast<double>(unequal[1].delta.values()[i]) / 8))
              .epsilon(1e-6));
}

TEST_CASE("qfedavg: q = 0 is the uniform mean, a larger q favours the client of larger loss") {
  const auto clients = [] {
    std::vector<Contribution> out;
    out.push_back(contribution(law_layout(), 1, "easy", 100));
    out.push_back(contribution(law_layout(), 2, "hard", 900));
    out[0].initial_loss = 0.5;
    out[1].initial_loss = 4;
    return out;
  };
  AggregationConfig config = named("qfedavg");
  config.rule.q = 0;
  const std::vector<Contribution> given = clients();
  const ParameterSet uniform = combine(config, clients());
  for (std::size_t i = 0; i < uniform.size(); ++i)
    CHECK(uniform.values()[i] == doctest::Approx((static_cast<double>(given[0].delta.values()[i]) +
                                                  static_cast<double>(given[1].delta.values()[i])) /
                                                 2)
                                     .epsilon(1e-6));
  // By the paper's form: w ← w − Σ F^q·Lu / Σ (q·F^(q−1)·‖Lu‖² + L·F^q), u = −Δ.
  config.rule.q = 2;
  config.rule.lipschitz = 3;
  const ParameterSet fair = combine(config, clients());
  double denominator = 0;
  for (const Contribution& c : given) {
    double square = 0;
    for (const float v : c.delta.values())
      square += 9.0 * static_cast<double>(v) * static_cast<double>(v);
    denominator += 2 * c.initial_loss * square + 3 * c.initial_loss * c.initial_loss;
  }
  for (std::size_t i = 0; i < fair.size(); ++i)
    CHECK(fair.values()[i] == doctest::Approx(3 *
                                              (0.25 * static_cast<double>(given[0].delta.values()[i]) +
                                               16 * static_cast<double>(given[1].delta.values()[i])) /
                                              denominator)
                                  .epsilon(1e-5));
}

TEST_CASE("qfedavg and fednova refuse an update that does not tell what they need") {
  const ParameterSet base = law_base(law_layout());
  for (const char* name : {"qfedavg", "fednova"}) {
    const auto aggregator = make_aggregator(named(name));
    aggregator->begin(base, RoundId{1});
    Contribution silent = contribution(law_layout(), 1, "a", 10);
    silent.steps = 0;
    silent.initial_loss = std::numeric_limits<double>::quiet_NaN();
    CHECK(aggregator->accept(std::move(silent)).error().code == ErrorCode::kMalformed);
  }
}
