#include <doctest/doctest.h>

#include <cmath>

#include "aggregation/aggregator.h"
#include "core/rng.h"
#include "tests/laws/support.h"

using namespace fennec;
using namespace fennec::test;

namespace {

ParameterSet fold(const std::vector<std::int64_t>& staleness, bool backwards = false) {
  AggregationConfig config;
  config.strategy = "fedbuff";
  const auto aggregator = make_aggregator(config);
  const LayoutPtr layout = law_layout();
  const ParameterSet base = law_base(layout);
  aggregator->begin(base, RoundId{9});
  for (std::size_t i = 0; i < staleness.size(); ++i) {
    const std::size_t k = backwards ? staleness.size() - 1 - i : i;
    Contribution c =
        contribution(layout, k, "c" + std::to_string(k), 7 + 5 * static_cast<std::int64_t>(k));
    c.staleness = staleness[k];
    REQUIRE(aggregator->accept(std::move(c)));
  }
  return std::move(*aggregator->finish());
}

}  // namespace

TEST_CASE("fedbuff: the mean of the buffer, each update by 1/sqrt(1 + staleness)") {
  const std::vector<std::int64_t> staleness{0, 1, 2, 3, 4};
  const std::vector<double> golden{1, 0.7071, 0.5774, 0.5, 0.4472};
  const ParameterSet mean = fold(staleness);
  std::vector<double> slow(mean.size(), 0);
  for (std::size_t k = 0; k < staleness.size(); ++k) {
    const double s = std::pow(1.0 + static_cast<double>(staleness[k]), -0.5);
    CHECK(s == doctest::Approx(golden[k]).epsilon(1e-4));
    const Contribution c = contribution(law_layout(), k, "", 1);
    for (std::size_t i = 0; i < slow.size(); ++i)
      slow[i] += s * static_cast<double>(c.delta.values()[i]) / 5;
  }
  for (std::size_t i = 0; i < slow.size(); ++i)
    CHECK(static_cast<double>(mean.values()[i]) == doctest::Approx(slow[i]).epsilon(1e-6));
  CHECK(same_bytes(mean, fold(staleness, true)));
}
