// Rules against hostile updates: hand cases, dense references, and how much they stand.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "aggregation/aggregator.h"
#include "aggregation/client_weights.h"
#include "aggregation/column_sort.h"
#include "aggregation/gram.h"
#include "tests/aggregation/random_adapters.h"
#include "tests/laws/support.h"

using namespace fennec;
using namespace fennec::test;

namespace {

LayoutPtr flat_layout(std::int64_t size) {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {size}}});
}

std::vector<float> combine(const char* rule, const std::vector<std::vector<float>>& updates,
                           int byzantine = 0, double trim = 0.1) {
  AggregationConfig config;
  config.robust = rule;
  config.rule.byzantine = byzantine;
  config.rule.trim = trim;
  const LayoutPtr layout = flat_layout(static_cast<std::int64_t>(updates[0].size()));
  const ParameterSet base(layout);
  const auto aggregator = make_aggregator(config);
  aggregator->begin(base, RoundId{1});
  for (std::size_t k = 0; k < updates.size(); ++k) {
    Contribution c = contribution(layout, 1, "c" + std::to_string(100 + k), 50);
    std::ranges::copy(updates[k], c.delta.values().begin());
    REQUIRE(aggregator->accept(std::move(c)));
  }
  const Result<ParameterSet> made = aggregator->finish();
  REQUIRE(made);
  return {made->values().begin(), made->values().end()};
}

/// `honest` updates around (1, −2, 3, …), then `hostile` ones far off.
std::vector<std::vector<float>> attacked(std::size_t honest, std::size_t hostile, float offset) {
  std::vector<std::vector<float>> out;
  RandomStream draw(Seed(8));
  for (std::size_t k = 0; k < honest + hostile; ++k) {
    std::vector<float>& update = out.emplace_back();
    for (int i = 0; i < 20; ++i) {
      const double centre = (i % 2 == 0 ? 1 : -1) * (i + 1) * 0.1;
      update.push_back(k < honest ? static_cast<float>(centre + 0.05 * draw.normal()) : offset);
    }
  }
  return out;
}

double distance_to_honest(const std::vector<float>& result,
                          const std::vector<std::vector<float>>& updates, std::size_t honest) {
  double square = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    double mean = 0;
    for (std::size_t k = 0; k < honest; ++k) mean += static_cast<double>(updates[k][i]);
    mean /= static_cast<double>(honest);
    square += (static_cast<double>(result[i]) - mean) * (static_cast<double>(result[i]) - mean);
  }
  return std::sqrt(square);
}

}  // namespace

TEST_CASE("column sort: every column ascends, for every number of rows") {
  for (std::size_t rows = 1; rows <= 40; ++rows) {
    CAPTURE(rows);
    std::vector<float> values(rows * ColumnSort::kWidth);
    fill_normal(Seed(rows), values, 1);
    std::vector<std::vector<float>> expected(ColumnSort::kWidth);
    for (std::size_t i = 0; i < values.size(); ++i)
      expected[i % ColumnSort::kWidth].push_back(values[i]);
    ColumnSort(rows).sort(values.data());
    for (std::size_t column = 0; column < expected.size(); ++column) {
      std::ranges::sort(expected[column]);
      for (std::size_t k = 0; k < rows; ++k)
        CHECK(values[k * ColumnSort::kWidth + column] == expected[column][k]);
    }
  }
}

TEST_CASE("median and trimmed mean, by hand") {
  CHECK(combine("median", {{3}, {1}, {100}})[0] == 3);
  CHECK(combine("median", {{3}, {1}})[0] == 2);
  CHECK(combine("median", {{7}})[0] == 7);
  CHECK(combine("trimmedmean", {{1}, {2}, {3}, {4}, {1000}}, 0, 0.2)[0] == 3);
  CHECK(combine("trimmedmean", {{1}, {2}, {3}, {4}, {1000}}, 0, 0)[0] == 202);
}

TEST_CASE("krum takes the client amid the others: n = 7, f = 2, scores of squared distances by hand") {
  // n − f − 2 = 3 nearest: 1, 2 and 3 score 1 + 1 + 4 = 6, 0 and 4 score 1 + 4 + 9 = 14.
  const std::vector<std::vector<float>> line{{0}, {1}, {2}, {3}, {4}, {50}, {51}};
  CHECK(combine("krum", line, 2)[0] == 1);       // of equal scores the first
  CHECK(combine("multikrum", line, 2)[0] == 2);  // of the three lowest scores: 1, 2, 3
  Matrix distances(7, 7);
  for (Eigen::Index i = 0; i < 7; ++i)
    for (Eigen::Index j = 0; j < 7; ++j) {
      const double d = static_cast<double>(line[static_cast<std::size_t>(i)][0]) -
                       static_cast<double>(line[static_cast<std::size_t>(j)][0]);
      distances(i, j) = d * d;
    }
  const std::vector<double> scores = krum_scores(distances, 2);
  CHECK(scores[0] == 1 + 4 + 9);
  CHECK(scores[2] == 1 + 1 + 4);
  CHECK(scores[4] == 1 + 4 + 9);
}

TEST_CASE("krum does not take itself for its neighbour when two updates are the same") {
  CHECK(combine("krum", {{0}, {0.1F}, {0.2F}, {9}, {9}}, 1)[0] == doctest::Approx(0.1F));
}

TEST_CASE(
    "as many hostile updates as a rule tolerates leave it near the honest mean; the mean is lost") {
  struct Case {
    const char* rule;
    std::size_t honest, hostile;
    double trim;
  };
  for (const Case& c : {Case{"median", 6, 5, 0}, Case{"trimmedmean", 8, 2, 0.2}, Case{"krum", 6, 3, 0},
                        Case{"multikrum", 6, 3, 0}, Case{"bulyan", 9, 2, 0}, Case{"geomedian", 5, 4, 0},
                        Case{"centeredclip", 7, 3, 0}})
    for (const float offset : {1e6F, -1e6F, 1e3F, 30.0F}) {
      CAPTURE(c.rule);
      CAPTURE(offset);
      const auto updates = attacked(c.honest, c.hostile, offset);
      const int f = std::string(c.rule) == "median" || std::string(c.rule) == "geomedian"
                        ? 0
                        : static_cast<int>(c.hostile);
      CHECK(distance_to_honest(combine(c.rule, updates, f, c.trim), updates, c.honest) < 2.5);
      if (std::abs(offset) < 1e5F) continue;
      AggregationConfig plain;
      const LayoutPtr layout = flat_layout(20);
      const ParameterSet base(layout);
      const auto mean = make_aggregator(plain);
      mean->begin(base, RoundId{1});
      for (std::size_t k = 0; k < updates.size(); ++k) {
        Contribution each = contribution(layout, 1, "c" + std::to_string(k), 50);
        std::ranges::copy(updates[k], each.delta.values().begin());
        REQUIRE(mean->accept(std::move(each)));
      }
      const Result<ParameterSet> broken = mean->finish();
      CHECK(distance_to_honest({broken->values().begin(), broken->values().end()}, updates, c.honest) >
            1e4);
    }
}

TEST_CASE("norm clipping bounds what one client can do") {
  const auto updates = attacked(9, 1, 1e6F);
  const auto clean = attacked(9, 0, 0);
  CHECK(distance_to_honest(combine("normclip", updates), updates, 9) < 1.5);
  CHECK(distance_to_honest(combine("normclip", clean), clean, 9) < 0.5);
}

TEST_CASE("rules that only look at differences follow a translation, and all stay within the box") {
  const auto updates = attacked(9, 0, 0);
  auto moved = updates;
  for (auto& update : moved)
    for (float& v : update) v += 2;
  for (const char* rule : {"median", "trimmedmean", "krum", "multikrum", "bulyan", "centeredclip"}) {
    CAPTURE(rule);
    const auto here = combine(rule, updates, 1), there = combine(rule, moved, 1);
    for (std::size_t i = 0; i < here.size(); ++i) {
      CHECK(there[i] - here[i] == doctest::Approx(2).epsilon(1e-4));
      float low = updates[0][i], high = low;
      for (const auto& update : updates) {
        low = std::min(low, update[i]);
        high = std::max(high, update[i]);
      }
      CHECK(here[i] >= low - 1e-5F);
      CHECK(here[i] <= high + 1e-5F);
    }
  }
}

TEST_CASE("the geometric median minimises the weighted distances") {
  const auto updates = attacked(5, 0, 0);
  const std::vector<float> found = combine("geomedian", updates);
  // Its updates are clipped to the median norm first: the reference does the same.
  std::vector<std::vector<double>> clipped;
  std::vector<double> norms;
  for (const auto& update : updates) {
    double square = 0;
    for (const float v : update) square += static_cast<double>(v) * static_cast<double>(v);
    norms.push_back(std::sqrt(square));
  }
  const double radius = median_of(norms);
  for (std::size_t k = 0; k < updates.size(); ++k) {
    auto& out = clipped.emplace_back();
    for (const float v : updates[k])
      out.push_back(static_cast<double>(v) * std::min(1.0, radius / norms[k]));
  }
  const auto cost = [&](const std::vector<double>& z) {
    double sum = 0;
    for (const auto& x : clipped) {
      double square = 0;
      for (std::size_t i = 0; i < z.size(); ++i) square += (z[i] - x[i]) * (z[i] - x[i]);
      sum += std::sqrt(square);
    }
    return sum;
  };
  std::vector<double> z(found.begin(), found.end());
  const double least = cost(z);
  RandomStream draw(Seed(2));
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> near = z;
    for (double& v : near) v += 0.02 * draw.normal();
    CHECK(cost(near) >= least - 1e-7);
  }
}

TEST_CASE("Gram matrices: of products as of dense matrices, of flat vectors as of plain sums") {
  AdapterSet set = random_adapters({3, 5, {2, 3}});
  const Matrix gram = product_gram(set);
  const Matrix from_base = product_gram_from_base(set);
  const auto dense = [&](std::size_t k) {
    std::vector<Matrix> out;
    for (const Factors& module : set.clients[k].modules) out.push_back(product(module));
    return out;
  };
  const auto inner = [](const std::vector<Matrix>& x, const std::vector<Matrix>& y) {
    double sum = 0;
    for (std::size_t m = 0; m < x.size(); ++m) sum += x[m].cwiseProduct(y[m]).sum();
    return sum;
  };
  for (std::size_t i = 0; i < 5; ++i)
    for (std::size_t j = 0; j < 5; ++j) {
      CHECK(gram(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) ==
            doctest::Approx(inner(dense(i), dense(j))).epsilon(1e-10).scale(100));
      if (i == 4 || j == 4) continue;
      std::vector<Matrix> x = dense(i), y = dense(j);
      for (std::size_t m = 0; m < 2; ++m) {
        x[m] -= dense(4)[m];
        y[m] -= dense(4)[m];
      }
      CHECK(from_base(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) ==
            doctest::Approx(inner(x, y)).epsilon(1e-8).scale(100));
    }
  const auto updates = attacked(6, 1, 5);
  std::vector<std::span<const float>> flat(updates.begin(), updates.end());
  const Matrix plain = flat_gram(flat);
  for (Eigen::Index i = 0; i < 7; ++i)
    for (Eigen::Index j = 0; j < 7; ++j) {
      double sum = 0;
      for (std::size_t t = 0; t < 20; ++t)
        sum += static_cast<double>(updates[static_cast<std::size_t>(i)][t]) *
               static_cast<double>(updates[static_cast<std::size_t>(j)][t]);
      CHECK(plain(i, j) == doctest::Approx(sum).epsilon(1e-12));
    }
}

TEST_CASE("in a live run the gauge of a client's factors does not hide its distance") {
  // Every client's delta is small in its factors but one, whose product is far off.
  AggregationConfig config;
  config.robust = "krum";
  config.rule.byzantine = 1;
  const LayoutPtr layout = law_layout();
  const ParameterSet base = law_base(layout);
  const auto aggregator = make_aggregator(config);
  aggregator->begin(base, RoundId{1});
  std::vector<Contribution> all;
  for (int k = 0; k < 6; ++k) {
    all.push_back(contribution(layout, static_cast<std::uint64_t>(k), "c" + std::to_string(k), 10));
    for (float& v : all.back().delta.values()) v *= k == 5 ? 100.0F : 1.0F;
    REQUIRE(aggregator->accept(copy_of(all.back())));
  }
  const Result<ParameterSet> chosen = aggregator->finish();
  REQUIRE(chosen);
  bool honest = false;
  for (int k = 0; k < 5; ++k)
    honest = honest || same_bytes(*chosen, all[static_cast<std::size_t>(k)].delta);
  CHECK(honest);
}

TEST_CASE("aggregation.robust replaces the mean, and unknown rules are named") {
  AggregationConfig config;
  config.robust = "medain";
  CHECK_THROWS_WITH_AS(make_aggregator(config),
                       doctest::Contains("unknown aggregation.robust 'medain'; did you mean 'median'?"),
                       ConfigError);
}
