#include <doctest/doctest.h>

#include "aggregation/aggregator.h"
#include "core/rng.h"

using namespace fennec;

TEST_CASE("fedavg is the mean weighted by supervised tokens") {
  const auto layout = std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"a", {3, 2}}, {"b", {4}}});
  RandomStream draw(Seed(9));
  for (int trial = 0; trial < 50; ++trial) {
    CAPTURE(trial);
    const auto aggregator = make_aggregator({});
    aggregator->begin(layout, RoundId{1});
    std::vector<long double> sum(layout->size(), 0);
    long double weights = 0;
    const std::uint64_t clients = 1 + draw.below(6);
    for (std::uint64_t k = 0; k < clients; ++k) {
      Contribution c{{"c" + std::to_string(k)},
                     10,
                     static_cast<std::int64_t>(1 + draw.below(5000)),
                     3,
                     ParameterSet(layout)};
      fill_normal(Seed(draw.next_u64()), c.delta.values(), 1);
      for (std::size_t i = 0; i < layout->size(); ++i)
        sum[i] += static_cast<long double>(c.supervised_tokens) *
                  static_cast<long double>(c.delta.values()[i]);
      weights += static_cast<long double>(c.supervised_tokens);
      REQUIRE(aggregator->accept(c));
    }
    const ParameterSet mean = aggregator->finish();
    for (std::size_t i = 0; i < layout->size(); ++i)
      CHECK(mean.values()[i] == doctest::Approx(static_cast<double>(sum[i] / weights)).epsilon(1e-6));
  }
}
