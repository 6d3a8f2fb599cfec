#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "privacy/accountant.h"
#include "privacy/accounting/calibration.h"
#include "privacy/accounting/distributed_noise.h"
#include "privacy/accounting/gaussian.h"
#include "privacy/accounting/renyi.h"
#include "privacy/accounting/sampled_gaussian.h"
#include "privacy/accounting/tree.h"
#include "tests/privacy/vectors.h"

using namespace fennec;
using namespace fennec::test;

namespace {

EpsilonAtOrder epsilon(double q, double sigma, double steps, double delta,
                       const std::vector<double>& orders = default_rdp_orders()) {
  return epsilon_of(
      renyi_curve(
          orders, [&](double order) { return sampled_gaussian_rdp(q, sigma, order); }, steps),
      delta);
}

std::vector<double> whole_orders() {
  std::vector<double> out;
  for (int order = 2; order <= 256; ++order) out.push_back(order);
  return out;
}

/// Relative difference.
double off(double a, double b) { return std::abs(a - b) / std::abs(b); }

}  // namespace

TEST_CASE("accounting: figures published by Opacus and dp_accounting") {
  CHECK(off(epsilon(0.04, 1.5, 2250, 1e-5).epsilon, 7.32911117143) < 1e-10);  // opacus accountants_test
  CHECK(off(50 * sampled_gaussian_rdp(0.01, 2.5, 5), 2.18075656e-3) < 1e-8);  // dp_accounting
  CHECK(off(50 * sampled_gaussian_rdp(0.01, 2.5, 50), 2.38460375e-2) < 1e-8);
  CHECK(off(50 * sampled_gaussian_rdp(0.01, 2.5, 100), 167.416308) < 1e-8);
  // dp_accounting drops the signs of the series between whole orders: its figures are upper bounds.
  CHECK(50 * sampled_gaussian_rdp(0.01, 2.5, 1.5) < 6.70579741e-4);
  CHECK(off(50 * sampled_gaussian_rdp(0.01, 2.5, 1.5), 6.50070897e-4) < 1e-8);
  std::vector<double> orders;
  for (int order = 2; order <= 32; ++order) orders.push_back(order);
  const EpsilonAtOrder pure = epsilon_of(RenyiCurve{orders, std::vector<double>(31, 1.1)}, 1e-5);
  CHECK(off(pure.epsilon, 1.32783806176) < 1e-10);
  CHECK(pure.order == 32);
  CHECK(epsilon(1, 4.530877117, 1, 1e-6).epsilon == doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE("accounting: a few rows as facts, with their best orders") {
  struct Row {
    double q, sigma, steps, delta, epsilon, order;
  };
  for (const Row& row : {Row{1, 1, 1, 1e-5, 4.7285070672, 5.4},
                         {0.001, 0.6, 10000, 1e-6, 3.999130507, 4.4},
                         {0.01, 0.5, 2000, 1e-8, 27.7253910115, 2},
                         {0.9, 2, 30, 1e-5, 14.2127401311, 2.8}}) {
    CAPTURE(row.q);
    const EpsilonAtOrder found = epsilon(row.q, row.sigma, row.steps, row.delta);
    CHECK(off(found.epsilon, row.epsilon) < 1e-9);
    CHECK(found.order == row.order);
  }
  CHECK(epsilon(0, 1, 1000, 1e-5).epsilon == 0);
  CHECK(std::isinf(epsilon(0.01, 0, 1, 1e-5).epsilon));
  CHECK(epsilon(0.01, 1, 0, 1e-5).epsilon == 0);
}

TEST_CASE("accounting: every vector of the sampled Gaussian, per order and as epsilon") {
  FENNEC_NEEDS_SHARED(kPrivacyVectors);
  const nlohmann::json vectors = privacy_vectors();
  for (const auto& row : vectors["rdp_per_order"]) {
    CAPTURE(row.dump());
    CHECK(off(sampled_gaussian_rdp(row["q"], row["sigma"], row["alpha"]), row["rdp"]) < 2e-8);
  }
  REQUIRE(vectors["eps"].size() == 30);
  for (const auto& row : vectors["eps"]) {
    CAPTURE(row.dump());
    const double q = row["q"], sigma = row["sigma"], steps = row["steps"], delta = row["delta"];
    const EpsilonAtOrder found = epsilon(q, sigma, steps, delta);
    CHECK(off(found.epsilon, row["eps_dpa"]) < 1e-7);
    CHECK(found.order == doctest::Approx(row["alpha_dpa"].get<double>()));
    CHECK(off(epsilon(q, sigma, steps, delta, whole_orders()).epsilon, row["eps_int"]) < 1e-7);
  }
}

TEST_CASE("accounting: every calibration vector, and what was calibrated keeps its promise") {
  FENNEC_NEEDS_SHARED(kPrivacyVectors);
  const nlohmann::json vectors = privacy_vectors();
  REQUIRE(vectors["calibration"].size() == 10);
  for (const auto& row : vectors["calibration"]) {
    CAPTURE(row.dump());
    const std::vector<double> orders =
        vectors["orders"][row["grid"].get<std::string>()].get<std::vector<double>>();
    const double target = row["target_eps"];
    const auto at = [&](double sigma) {
      return epsilon(row["q"], sigma, row["steps"], row["delta"], orders).epsilon;
    };
    const double sigma = calibrate_noise(at, target);
    CHECK(std::abs(sigma - row["sigma"].get<double>()) < 1e-6);
    CHECK(at(sigma) <= target);
    CHECK(at(sigma - 1e-6) > target);
  }
}

TEST_CASE("accounting: exact Gaussian, zCDP, tree, discrete Gaussian and Skellam vectors") {
  FENNEC_NEEDS_SHARED(kPrivacyVectors);
  const nlohmann::json vectors = privacy_vectors();
  for (const auto& row : vectors["gaussian_exact"]) {
    CHECK(off(gaussian_delta(row["sigma"], row["eps"]), row["delta"]) < 1e-9);
    CHECK(off(gaussian_epsilon(row["sigma"], row["delta"]), row["eps"]) < 1e-9);
  }
  for (const auto& row : vectors["zcdp"]) {
    CHECK(off(zcdp_epsilon(row["rho"], row["delta"]), row["eps_optimised"]) < 1e-7);
    CHECK(off(zcdp_epsilon_simple(row["rho"], row["delta"]), row["eps_BunSteinke"]) < 1e-12);
  }
  for (const auto& row : vectors["tree"]) {
    const std::int64_t steps = row["steps"];
    CHECK(tree_height(steps) == row["height"]);
    CHECK(off(epsilon_bound(Accounting::kRdp, {{1, row["z"], steps, true}}, row["delta"]).epsilon,
              row["eps"]) < 1e-9);
  }
  for (const auto& row : vectors["ddg_skellam"]) {
    CAPTURE(row.dump());
    const double scale = row["scale"];
    const DistributedNoise noise{
        row["clip"], scale, row["dim"], row["beta"], row["local_sigma_unscaled"].get<double>() * scale,
        row["n"]};
    const bool skellam = row["mech"] == "skellam";
    CHECK(off(noise.l2_sensitivity(), row["D2_scaled_rounded"]) < 1e-9);
    CHECK(off(noise.l1_sensitivity(), row["D1"]) < 1e-9);
    if (!skellam) {
      CHECK(distributed_discrete_gaussian_tau(noise) == doctest::Approx(row["tau"].get<double>()));
    }
    const RenyiCurve curve = renyi_curve(
        whole_orders(),
        [&](double order) {
          return skellam ? distributed_skellam_rdp(noise, order)
                         : distributed_discrete_gaussian_rdp(noise, order);
        },
        row["steps"]);
    CHECK(off(epsilon_of(curve, row["delta"]).epsilon, row["eps"]) < 1e-7);
  }
}

TEST_CASE(
    "accounting: more noise, less sampling, fewer rounds, a larger delta: never a larger epsilon") {
  for (const double q : {0.01, 0.2, 1.0})
    for (const double sigma : {0.7, 1.3, 4.0})
      for (const double steps : {1.0, 50.0, 900.0}) {
        CAPTURE(q);
        CAPTURE(sigma);
        CAPTURE(steps);
        const double base = epsilon(q, sigma, steps, 1e-6).epsilon;
        CHECK(epsilon(q, sigma * 1.1, steps, 1e-6).epsilon <= base);
        CHECK(epsilon(q * 0.9, sigma, steps, 1e-6).epsilon <= base);
        CHECK(epsilon(q, sigma, steps + 1, 1e-6).epsilon >= base);
        CHECK(epsilon(q, sigma, steps, 1e-5).epsilon <= base);
      }
}

TEST_CASE(
    "accounting: two ledgers together are their sum, and epsilon to delta to epsilon is the identity") {
  const std::vector<Releases> a{{0.01, 1.1, 300}}, b{{1, 30, 40}};
  RenyiCurve sum = renyi_curve(
      default_rdp_orders(), [](double order) { return sampled_gaussian_rdp(0.01, 1.1, order); }, 300);
  compose(sum, renyi_curve(
                   default_rdp_orders(),
                   [](double order) { return sampled_gaussian_rdp(1, 30, order); }, 40));
  const double together = epsilon_bound(Accounting::kRdp, {a[0], b[0]}, 1e-6).epsilon;
  CHECK(off(together, epsilon_of(sum, 1e-6).epsilon) < 1e-12);
  CHECK(together >= epsilon_bound(Accounting::kRdp, a, 1e-6).epsilon);
  CHECK(off(delta_of(sum, together), 1e-6) < 1e-9);
  CHECK(off(epsilon_of(sum, delta_of(sum, 2.5)).epsilon, 2.5) < 1e-9);
}

TEST_CASE("accounting: what an accountant does not cover it refuses") {
  CHECK_THROWS_AS(epsilon_bound(Accounting::kZcdp, {{0.1, 1, 10}}, 1e-5), ConfigError);
  CHECK_THROWS_AS(epsilon_bound(Accounting::kPld, {{0.1, 1, 10}, {0.1, 2, 10}}, 1e-5), ConfigError);
  CHECK_THROWS_AS(epsilon_bound(Accounting::kPld, {{1, 1, 10, true}}, 1e-5), ConfigError);
  CHECK_THROWS_AS(epsilon_bound(Accounting::kRdp, {{0.1, 1, 10}}, 0), ConfigError);
  CHECK_THROWS_AS(accounting_of("moments"), ConfigError);
  CHECK_THROWS_AS(calibrate_noise([](double) { return 5.0; }, 1), ConfigError);
  CHECK(accounting_of("pld") == Accounting::kPld);
}
