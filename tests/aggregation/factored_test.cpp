#include "aggregation/factored.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <Eigen/LU>
#include <Eigen/QR>
#include <Eigen/SVD>

#include "aggregation/adapter_rule.h"
#include "aggregation/figures.h"
#include "tests/aggregation/random_adapters.h"

using namespace fennec;
using namespace fennec::test;

namespace {

Vector dense_singular_values(const Matrix& x) { return Eigen::JacobiSVD<Matrix>(x).singularValues(); }

}  // namespace

TEST_CASE("factored: singular values are those of the dense product, on wide, tall and full ones") {
  struct Case {
    Eigen::Index out, in, rank;
  };
  for (const Case& c :
       {Case{30, 12, 4}, Case{9, 40, 9}, Case{7, 5, 8}, Case{6, 6, 1}, Case{5, 7, 20}}) {
    CAPTURE(c.rank);
    const Factors x = random_factors(3, c.out, c.in, c.rank);
    const FactoredSvd svd = factored_svd(x);
    const Vector dense = dense_singular_values(product(x));
    for (Eigen::Index i = 0; i < svd.s.size(); ++i)
      CHECK(svd.s[i] == doctest::Approx(dense[i]).epsilon(1e-10).scale(dense[0]));
    CHECK((svd.u * svd.s.asDiagonal() * svd.v.transpose() - product(x)).norm() < 1e-10 * dense[0]);
    CHECK((svd.u.transpose() * svd.u - Matrix::Identity(svd.s.size(), svd.s.size())).norm() < 1e-10);
  }
}

TEST_CASE("factored: truncation is Eckart and Young's, nested, balanced, and exact at full rank") {
  const Factors x = random_factors(4, 17, 23, 6);
  const FactoredSvd svd = factored_svd(x);
  const Vector dense = dense_singular_values(product(x));
  for (Eigen::Index rank = 1; rank <= 9; ++rank) {
    CAPTURE(rank);
    const Factors cut = truncate(svd, rank);
    CHECK(cut.rank() == rank);
    const double left = rank < 6 ? dense.segment(rank, 6 - rank).norm() : 0;
    CHECK((product(cut) - product(x)).norm() == doctest::Approx(left).epsilon(1e-10).scale(dense[0]));
    CHECK(truncation_error(svd, rank) == doctest::Approx(left).epsilon(1e-10).scale(dense[0]));
    CHECK((cut.b.transpose() * cut.b - cut.a * cut.a.transpose()).norm() < 1e-9);
    const Factors smaller = truncate(svd, std::max<Eigen::Index>(1, rank - 1));
    CHECK((cut.b.leftCols(smaller.rank()) - smaller.b).norm() == 0);
  }
}

TEST_CASE("factored: the product, not how it is split, is what counts") {
  const Factors x = random_factors(5, 8, 14, 3);
  const Matrix gauge = random_matrix(99, 3, 3);
  const Factors y{x.b * gauge, gauge.inverse() * x.a};
  const Factors parts_x[] = {x, random_factors(6, 8, 14, 2)}, parts_y[] = {y, parts_x[1]};
  const double weights[] = {0.3, 0.7};
  const Factors a = truncate(factored_svd(stack(parts_x, weights)), 4),
                b = truncate(factored_svd(stack(parts_y, weights)), 4);
  CHECK((product(a) - product(b)).norm() < 1e-9);
}

TEST_CASE("factored: deficient and zero factors stay finite") {
  Factors x = random_factors(7, 9, 6, 4);
  x.a.row(2) = x.a.row(1);
  x.b.col(3).setZero();
  const Factors zero{Matrix::Zero(9, 4), Matrix::Zero(4, 6)};
  for (const Factors& each : {x, zero}) {
    const Factors cut = truncate(factored_svd(each), 4);
    CHECK(cut.b.allFinite());
    CHECK(cut.a.allFinite());
    CHECK((product(cut) - product(each)).norm() < 1e-10);
  }
}

TEST_CASE("factored: norms and inner products need no product") {
  const Factors x = random_factors(8, 9, 6, 4), y = random_factors(9, 9, 6, 3);
  CHECK(inner_product(x, y) ==
        doctest::Approx(product(x).cwiseProduct(product(y)).sum()).epsilon(1e-12));
  CHECK(frobenius_norm(x) == doctest::Approx(product(x).norm()).epsilon(1e-12));
}

TEST_CASE("factored: align keeps the product and comes back to the gauge it is shown") {
  const Factors x = random_factors(10, 9, 6, 4);
  const Matrix turn = Eigen::HouseholderQR<Matrix>(random_matrix(11, 4, 4)).householderQ();
  const Factors turned{x.b * turn, turn.transpose() * x.a};
  const Factors back = align(turned, x);
  CHECK((back.b - x.b).norm() < 1e-9);
  CHECK((back.a - x.a).norm() < 1e-9);
}

TEST_CASE("the mean of products differs from the product of means by the clients' covariance") {
  const AdapterSet set = random_adapters({12, 5, {3}});
  const std::vector<Factors> mean = mean_factors(set);
  double difference = 0, exact = 0;
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    Matrix covariance = Matrix::Zero(mean[m].b.rows(), mean[m].a.cols());
    for (const ClientAdapter& client : set.clients)
      covariance +=
          client.weight * (client.modules[m].b - mean[m].b) * (client.modules[m].a - mean[m].a);
    CHECK((dense_mean(set, m) - product(mean[m]) - covariance).norm() < 1e-11);
    difference += covariance.squaredNorm();
    exact += dense_mean(set, m).squaredNorm();
  }
  CHECK(cross_term(set) == doctest::Approx(std::sqrt(difference / exact)).epsilon(1e-9));
}
