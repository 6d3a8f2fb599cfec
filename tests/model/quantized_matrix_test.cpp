#include "model/quantized_matrix.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/error.h"
#include "core/rng.h"
#include "model/quantized_nf4.h"

using namespace fennec;  // NOLINT: test

namespace {

struct Matrix {
  std::int64_t rows, columns;
  std::vector<float> values;

  RowReader reader() const {
    return [this](std::int64_t begin, std::int64_t end, float* out) {
      std::copy(values.begin() + begin * columns, values.begin() + end * columns, out);
    };
  }
};

Matrix normal_matrix(std::int64_t rows, std::int64_t columns, std::uint64_t seed = 1,
                     float sd = 0.05F) {
  Matrix m{rows, columns, std::vector<float>(static_cast<std::size_t>(rows * columns))};
  fill_normal(Seed(seed), m.values, sd);
  return m;
}

Matrix dequantized(const QuantizedMatrix& q) {
  Matrix m{q.rows(), q.columns(), std::vector<float>(static_cast<std::size_t>(q.rows() * q.columns()))};
  q.dequantize(0, q.rows(), m.values.data());
  return m;
}

/// ‖a − b‖ / ‖a‖
double relative_rmse(const Matrix& a, const Matrix& b) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    error += std::pow(static_cast<double>(a.values[i]) - b.values[i], 2);
    size += std::pow(static_cast<double>(a.values[i]), 2);
  }
  return std::sqrt(error / size);
}

/// The slow obvious way: a group of values to what it stands for afterwards.
using GroupReference = std::vector<double> (*)(const std::vector<double>&);

std::vector<double> int8_reference(const std::vector<double>& group) {
  double largest = 0;
  for (const double v : group) largest = std::max(largest, std::abs(v));
  std::vector<double> out;
  for (const double v : group)
    out.push_back(largest == 0 ? 0 : std::round(v / largest * 127) * largest / 127);
  return out;
}

std::vector<double> int4_reference(const std::vector<double>& group) {
  const auto [low, high] = std::minmax_element(group.begin(), group.end());
  const double step = (*high - *low) / 15;
  std::vector<double> out;
  for (const double v : group)
    out.push_back(step == 0 ? *low : *low + std::round((v - *low) / step) * step);
  return out;
}

std::vector<double> nf4_reference(const std::vector<double>& group) {
  double largest = 0;
  for (const double v : group) largest = std::max(largest, std::abs(v));
  std::vector<double> out;
  for (const double v : group) {
    double best = 0;
    for (const float code : nf4_codebook())
      if (std::abs(v - largest * static_cast<double>(code)) < std::abs(v - best))
        best = largest * static_cast<double>(code);
    out.push_back(best);
  }
  return out;
}

Matrix by_reference(const Matrix& m, GroupReference reference) {
  Matrix out = m;
  for (std::int64_t row = 0; row < m.rows; ++row)
    for (std::int64_t begin = 0; begin < m.columns; begin += 64) {
      const auto first = m.values.begin() + row * m.columns + begin;
      const auto group = reference({first, first + std::min<std::int64_t>(64, m.columns - begin)});
      std::transform(group.begin(), group.end(), out.values.begin() + row * m.columns + begin,
                     [](double v) { return static_cast<float>(v); });
    }
  return out;
}

struct Kind {
  const char* name;
  GroupReference reference;
  double tolerance;      ///< of a value, by the matrix's largest: rounding of scales
  double expected_rmse;  ///< on N(0, 1)
  double bits;
};
const Kind kKinds[] = {{"int8", int8_reference, 1e-6, 0.0059, 8.5},
                       {"int4", int4_reference, 0, 0.0839, 4.5},
                       {"nf4", nf4_reference, 2e-2, 0.0920, 4.127}};

}  // namespace

TEST_CASE("quantised: every kind has a reference here") {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  CHECK(names == quantized_kinds());
}

TEST_CASE("quantised: values are those of the slow obvious way, whatever the width") {
  for (const Kind& kind : kKinds)
    for (const std::int64_t columns : {1, 2, 7, 63, 64, 65, 96, 129, 352}) {
      CAPTURE(std::string(kind.name));
      CAPTURE(columns);
      const Matrix m = normal_matrix(9, columns, static_cast<std::uint64_t>(columns));
      const Matrix got = dequantized(*quantize(kind.name, m.rows, m.columns, m.reader()));
      const Matrix want = by_reference(m, kind.reference);
      double worst = 0, largest = 0;
      std::size_t apart = 0;
      for (std::size_t i = 0; i < m.values.size(); ++i) {
        largest = std::max(largest, std::abs(static_cast<double>(m.values[i])));
        const double error = std::abs(static_cast<double>(got.values[i]) - want.values[i]);
        // A value halfway between two codes may go either way once the scale is rounded.
        if (error > kind.tolerance * largest) ++apart;
        worst = std::max(worst, error);
      }
      CHECK(worst <= 0.3 * largest);
      CHECK(relative_rmse(m, got) <= 1.01 * relative_rmse(m, want) + 2e-3);
      if (kind.reference != int4_reference) CHECK(apart <= 1 + m.values.size() / 100);
    }
}

TEST_CASE("quantised: errors and sizes on normal weights are those expected") {
  const Matrix m = normal_matrix(256, 512, 3, 1);
  for (const Kind& kind : kKinds) {
    CAPTURE(std::string(kind.name));
    const auto q = quantize(kind.name, m.rows, m.columns, m.reader());
    CHECK(relative_rmse(m, dequantized(*q)) == doctest::Approx(kind.expected_rmse).epsilon(0.03));
    CHECK(8.0 * static_cast<double>(q->bytes()) / static_cast<double>(m.values.size()) ==
          doctest::Approx(kind.bits).epsilon(0.002));
  }
}

TEST_CASE("quantised: quantising what was quantised changes nothing") {
  for (const Kind& kind : kKinds)
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(std::string(kind.name));
      const Matrix m = normal_matrix(16, 160, seed);
      const Matrix once = dequantized(*quantize(kind.name, m.rows, m.columns, m.reader()));
      const Matrix twice = dequantized(*quantize(kind.name, m.rows, m.columns, once.reader()));
      // The codes are equal; nf4's scales, themselves quantised, move by a rounding of theirs.
      CHECK(relative_rmse(once, twice) <= (std::string(kind.name) == "nf4" ? 6e-3 : 1e-6));
    }
  const Matrix m = normal_matrix(16, 160);
  const Matrix once = dequantized(*quantize_nf4(16, 160, m.reader(), DoubleQuant::kOff));
  CHECK(relative_rmse(once, dequantized(*quantize_nf4(16, 160, once.reader(), DoubleQuant::kOff))) ==
        0);
}

TEST_CASE("quantised: rows of zeros and of one value are safe") {
  for (const Kind& kind : kKinds) {
    CAPTURE(std::string(kind.name));
    Matrix m = normal_matrix(4, 100);
    std::fill_n(m.values.begin(), 100, 0.0F);
    std::fill_n(m.values.begin() + 100, 100, 0.25F);
    const auto q = quantize(kind.name, m.rows, m.columns, m.reader());
    const Matrix got = dequantized(*q);
    for (std::size_t i = 0; i < 100; ++i) CHECK(got.values[i] == 0);
    for (std::size_t i = 100; i < 200; ++i) CHECK(got.values[i] == doctest::Approx(0.25).epsilon(0.01));
    const std::vector<float> x(100, 1.0F);
    float y[2];
    q->multiply(0, 2, x.data(), y);
    CHECK(y[0] == 0);
    CHECK(y[1] == doctest::Approx(25).epsilon(0.01));
  }
}

TEST_CASE("quantised: a row times a vector is the row's values times the vector") {
  for (const Kind& kind : kKinds)
    for (const std::int64_t columns : {1, 5, 64, 65, 127, 200, 352, 896}) {
      CAPTURE(std::string(kind.name));
      CAPTURE(columns);
      const Matrix m = normal_matrix(11, columns), x = normal_matrix(1, columns, 9, 1);
      const auto q = quantize(kind.name, m.rows, m.columns, m.reader());
      const Matrix w = dequantized(*q);
      std::vector<float> y(8);
      q->multiply(2, 10, x.values.data(), y.data());
      for (std::size_t i = 0; i < y.size(); ++i) {
        double want = 0, size = 0;
        for (std::int64_t j = 0; j < columns; ++j) {
          const double term =
              static_cast<double>(
                  w.values[(i + 2) * static_cast<std::size_t>(columns) + static_cast<std::size_t>(j)]) *
              x.values[static_cast<std::size_t>(j)];
          want += term;
          size += std::abs(term);
        }
        CHECK(std::abs(static_cast<double>(y[i]) - want) <= 3e-6 * size + 1e-9);
      }
    }
}

TEST_CASE("quantised: rows taken apart are the rows of the whole") {
  const Matrix m = normal_matrix(20, 77);
  for (const Kind& kind : kKinds) {
    const auto q = quantize(kind.name, m.rows, m.columns, m.reader());
    const Matrix whole = dequantized(*q);
    std::vector<float> part(3 * 77);
    q->dequantize(13, 16, part.data());
    CHECK(std::equal(part.begin(), part.end(), whole.values.begin() + 13 * 77));
  }
}

TEST_CASE("nf4: the codebook is that of normal quantiles") {
  // Φ⁻¹ by bisection of erfc: 8 points from 0.9677083 down to a half without it, 7 likewise below, and
  // 0.
  const auto quantile = [](double p) {
    double low = -10, high = 10;
    for (int i = 0; i < 200; ++i) {
      const double middle = (low + high) / 2;
      (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
    }
    return low;
  };
  constexpr double kTop = 0.9677083;
  std::vector<double> book = {0};
  for (int i = 0; i < 8; ++i) book.push_back(quantile(kTop + (0.5 - kTop) * i / 8));
  for (int i = 0; i < 7; ++i) book.push_back(-quantile(kTop + (0.5 - kTop) * i / 7));
  std::sort(book.begin(), book.end());
  const double largest = book.back();
  for (std::size_t i = 0; i < 16; ++i)
    CHECK(nf4_codebook()[i] == doctest::Approx(book[i] / largest).epsilon(1e-6));
}

TEST_CASE("nf4: no value moves more than half the widest gap, and double quantisation hardly matters") {
  const Matrix m = normal_matrix(64, 256, 5, 1);
  const Matrix plain = dequantized(*quantize_nf4(64, 256, m.reader(), DoubleQuant::kOff));
  for (std::size_t group = 0; group < m.values.size(); group += 64) {
    float largest = 0;
    for (std::size_t i = group; i < group + 64; ++i) largest = std::max(largest, std::abs(m.values[i]));
    for (std::size_t i = group; i < group + 64; ++i)
      REQUIRE(std::abs(m.values[i] - plain.values[i]) <= 0.152F * largest);
  }
  const double without = relative_rmse(m, plain),
               with = relative_rmse(m, dequantized(*quantize_nf4(64, 256, m.reader())));
  CHECK(std::abs(with - without) < 0.01 * without);
}

TEST_CASE("quantised: an unknown kind and weights that do not fit are refused") {
  const Matrix m = normal_matrix(2, 3);
  CHECK_THROWS_AS(quantize("int5", 2, 3, m.reader()), ConfigError);
  Matrix huge = m;
  huge.values[0] = 1e6F;
  CHECK_THROWS_AS(quantize("int4", 2, 3, huge.reader()), IoError);
}
