#include "privacy/accounting/toeplitz.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace fennec;

TEST_CASE("toeplitz: the optimal coefficients square to the prefix sum") {
  const std::vector<double> c = optimal_toeplitz(64);  // C·C is the all-ones lower triangle
  for (std::size_t k = 0; k < c.size(); ++k) {
    double product = 0;
    for (std::size_t i = 0; i <= k; ++i) product += c[i] * c[k - i];
    CHECK(product == doctest::Approx(1).epsilon(1e-12));
  }
}

TEST_CASE("toeplitz: sensitivity equals the norm of the summed columns of the dense matrix") {
  const BufferedToeplitz blt{{0.3, 0.1}, {0.9, 0.5}};
  const std::vector<double> c = coefficients(blt, 40);
  CHECK(c[0] == 1);
  CHECK(c[1] == doctest::Approx(0.4));
  CHECK(c[3] == doctest::Approx(0.3 * 0.81 + 0.1 * 0.25));
  double first_column = 0;
  for (const double value : c) first_column += value * value;
  CHECK(toeplitz_sensitivity(c, 40, 5) == doctest::Approx(std::sqrt(first_column)));
  CHECK(toeplitz_sensitivity(c, 7, 1) == doctest::Approx(std::sqrt(first_column)));
  double squares = 0;  // columns 0, 15, 30
  for (std::size_t row = 0; row < 40; ++row) {
    double entry = 0;
    for (const std::size_t column : {0U, 15U, 30U}) entry += row >= column ? c[row - column] : 0;
    squares += entry * entry;
  }
  CHECK(toeplitz_sensitivity(c, 15, 9) == doctest::Approx(std::sqrt(squares)));
}
