#include "aggregation/absorption.h"

#include <doctest/doctest.h>

#include <algorithm>

#include <Eigen/SVD>

#include "aggregation/travel.h"
#include "aggregation/version.h"
#include "core/lora_layout.h"
#include "tests/aggregation/random_adapters.h"

using namespace fennec;
using namespace fennec::test;

namespace {

constexpr const char* kModules[] = {"model.layers.0.mlp.up_proj", "model.layers.0.self_attn.q_proj"};

/// Two linears, neither square, of rank 2.
LayoutPtr layout() { return lora_layout({{kModules[0], 9, 14}, {kModules[1], 12, 8}}, 2); }

AggregationConfig every(int rounds, int rank) {
  AggregationConfig config;
  config.strategy = "rolora";
  config.rule.absorb_every = rounds;
  config.rule.absorb_rank = rank;
  return config;
}

ParameterSet version_of(const AggregationConfig& config, std::uint64_t seed) {
  ParameterSet trained(layout());
  fill_normal(Seed(seed), trained.values(), 0.5F);
  return first_version(config, std::move(trained));
}

Matrix tensor(const ParameterSet& set, const std::string& name) {
  for (std::size_t i = 0; i < set.layout()->entries().size(); ++i)
    if (set.layout()->entries()[i].name == name) return matrix_of(set, i);
  FAIL("no tensor " << name);
  return {};
}

/// B·A of adapter and branch together.
Matrix product_of(const ParameterSet& version, const std::string& module) {
  const ParameterSet stacked = stacked_adapter(version);
  return tensor(stacked, lora_b_name(module)) * tensor(stacked, lora_a_name(module));
}

double largest(const Matrix& m) { return m.cwiseAbs().maxCoeff(); }

}  // namespace

TEST_CASE("absorption: the product stays, B is 0, A is drawn afresh") {
  const AggregationConfig config = every(2, 4);
  ParameterSet version = version_of(config, 1);
  const ParameterSet before = version.clone();
  absorb(version, Seed(9));
  for (const std::string module : kModules) {
    CAPTURE(module);
    CHECK(largest(product_of(version, module) - product_of(before, module)) < 1e-5);
    CHECK(largest(tensor(version, lora_b_name(module))) == 0);
    CHECK(largest(tensor(version, lora_a_name(module))) > 0);
    CHECK(largest(tensor(version, lora_a_name(module)) - tensor(before, lora_a_name(module))) > 0.01);
  }
  ParameterSet again = before.clone();
  absorb(again, Seed(9));
  CHECK(std::ranges::equal(again.bytes(), version.bytes()));
}

TEST_CASE("absorption: after j of them the rank of the product is (j + 1) times the adapter's") {
  ParameterSet version = version_of(every(2, 6), 1);
  Matrix expected = product_of(version, kModules[0]);
  for (std::uint64_t j = 1; j <= 2; ++j) {
    absorb(version, Seed(j));
    ParameterSet moved(layout());
    fill_normal(Seed(50 + j), moved.values(), 0.5F);
    replace(moved, version);
    expected += tensor(version, lora_b_name(kModules[0])) * tensor(version, lora_a_name(kModules[0]));
    const Matrix product = product_of(version, kModules[0]);
    CHECK(largest(product - expected) < 1e-5);
    const Eigen::JacobiSVD<Matrix> svd(product);
    const auto rank = static_cast<Eigen::Index>(2 * (j + 1));
    CHECK(svd.singularValues()(rank - 1) > 1e-2);
    CHECK(svd.singularValues()(rank) < 1e-5);
  }
}

TEST_CASE("absorption: beyond its rank a branch keeps the best approximation") {
  const AggregationConfig config = every(2, 1);
  ParameterSet version = version_of(config, 3);
  const Matrix before = product_of(version, kModules[1]);
  absorb(version, Seed(9));
  const Eigen::JacobiSVD<Matrix> svd(before);
  CHECK(
      (product_of(version, kModules[1]) - before).norm() ==
      doctest::Approx(svd.singularValues().tail(svd.singularValues().size() - 1).norm()).epsilon(1e-4));
}

TEST_CASE("absorption: a version carries the branch, and no update holds it") {
  const ParameterSet plain = version_of(every(0, 0), 1), version = version_of(every(4, 0), 1);
  CHECK(absorbed_of(plain).empty());
  CHECK(*plain.layout() == *layout());
  CHECK(std::ranges::equal(stacked_adapter(plain).bytes(), plain.bytes()));
  for (const Half half : {Half::kA, Half::kB, Half::kBoth}) {
    const LayoutPtr sent = travelling_layout(version.layout(), half);
    CHECK(sent->entries().size() == (half == Half::kBoth ? 4 : 2));
    for (const ParameterEntry& entry : sent->entries())
      CHECK(plain.layout()->find(entry.name) != nullptr);
  }
  const ParameterSet branch = absorbed_of(version);
  CHECK(branch.layout()->entries().size() == 4);
  CHECK(branch.layout()->find(lora_a_name(kModules[0]) + ".absorbed")->shape ==
        std::vector<std::int64_t>{8, 9});
  CHECK(branch.layout()->find(lora_b_name(kModules[0]) + ".absorbed")->shape ==
        std::vector<std::int64_t>{14, 8});
  PeftConfig config;
  config.r = 2;
  config.lora_alpha = 4;
  CHECK(stacked_config(config, every(4, 0)).r == 10);
  CHECK(stacked_config(config, every(4, 0)).lora_alpha == doctest::Approx(20));
  CHECK(stacked_config(config, every(0, 0)).r == 2);
}

TEST_CASE(
    "absorption: it follows rounds 2, 4 …, and what devices kept of before is of another adapter") {
  const AggregationConfig config = every(2, 0);
  for (const std::int64_t round : {1, 2, 3, 4})
    CHECK(absorbs_after(config, RoundId{round}) == (round % 2 == 0));
  CHECK_FALSE(absorbs_after(every(0, 0), RoundId{2}));
  CHECK_FALSE(absorbed_between(config, RoundId{1}, RoundId{2}));
  CHECK(absorbed_between(config, RoundId{1}, RoundId{3}));
  CHECK(absorbed_between(config, RoundId{2}, RoundId{3}));
  CHECK_FALSE(absorbed_between(config, RoundId{3}, RoundId{4}));
  CHECK_FALSE(absorbed_between(every(0, 0), RoundId{1}, RoundId{9}));
}
