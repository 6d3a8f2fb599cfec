#include "privacy/accounting/privacy_loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "privacy/accountant.h"
#include "privacy/accounting/fourier.h"
#include "privacy/accounting/gaussian.h"
#include "tests/privacy/vectors.h"

using namespace fennec;
using namespace fennec::test;

TEST_CASE("fourier: equals the sum it stands for, and its inverse takes it back") {
  std::vector<std::complex<double>> values;
  for (int i = 0; i < 32; ++i) values.emplace_back(std::sin(i * i), std::cos(3 * i));
  std::vector<std::complex<double>> fast = values;
  fourier_transform(fast, false);
  for (std::size_t k = 0; k < values.size(); ++k) {
    std::complex<double> slow = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
      slow += values[i] * std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i * k) / 32);
    CHECK(std::abs(fast[k] - slow) < 1e-12);
  }
  fourier_transform(fast, true);
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(std::abs(fast[i] - values[i]) < 1e-14);
}

TEST_CASE("privacy loss: a discretised step keeps its mass under both distributions") {
  for (const Neighbour direction : {Neighbour::kAdded, Neighbour::kRemoved})
    for (const double q : {0.02, 0.5, 1.0}) {
      const LossDistribution one = sampled_gaussian_loss(q, 1.3, direction, 1e-3);
      double under_p = one.infinite, under_q = 0;
      for (std::size_t i = 0; i < one.masses.size(); ++i) {
        CHECK(one.masses[i] >= 0);
        under_p += one.masses[i];
        under_q += one.masses[i] *
                   std::exp(-one.step * static_cast<double>(one.first + static_cast<std::int64_t>(i)));
      }
      CHECK(under_p == doctest::Approx(1).epsilon(1e-12));
      CHECK(under_q == doctest::Approx(1).epsilon(1e-9));
    }
}

TEST_CASE("privacy loss: without sampling it is the exact Gaussian, never below it") {
  for (const auto& [sigma, steps, delta] : {std::tuple{5.0, std::int64_t{100}, 1e-6},
                                            {1.0, std::int64_t{1}, 1e-5},
                                            {4.0, std::int64_t{7}, 1e-8}}) {
    const double exact = gaussian_epsilon(sigma / std::sqrt(static_cast<double>(steps)), delta);
    const double found = pld_epsilon(1, sigma, steps, delta);
    CHECK(found >= exact - 1e-7);
    CHECK(found < exact + 1e-3);
  }
}

TEST_CASE("privacy loss: every PLD vector, between the estimate and RDP") {
  FENNEC_NEEDS_SHARED(kPrivacyVectors);
  const nlohmann::json vectors = privacy_vectors();
  REQUIRE(vectors["pld"].size() == 10);
  for (const auto& row : vectors["pld"]) {
    CAPTURE(row.dump());
    const double q = row["q"], sigma = row["sigma"], delta = row["delta"];
    const std::int64_t steps = row["steps"];
    const double found = pld_epsilon(q, sigma, steps, delta);
    CHECK(std::abs(found - row["eps"].get<double>()) < 1e-3);
    CHECK(found <= epsilon_bound(Accounting::kRdp, {{q, sigma, steps}}, delta).epsilon);
  }
}

TEST_CASE("privacy loss: a row as a fact; no noise is no privacy") {
  CHECK(pld_epsilon(0.02, 0.8, 300, 1e-6) == doctest::Approx(4.48904).epsilon(2e-4));
  CHECK(std::isinf(pld_epsilon(0.1, 0, 1, 1e-5)));
  CHECK(pld_epsilon(0.1, 1, 0, 1e-5) == 0);
}
