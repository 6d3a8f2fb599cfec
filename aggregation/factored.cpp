#include "aggregation/factored.h"

#include <Eigen/QR>
#include <Eigen/SVD>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fennec {
namespace {

struct ThinQr {
  Matrix q, r;  ///< [rows, k], [k, columns]
};

ThinQr thin_qr(const Matrix& x) {
  const Eigen::Index k = std::min(x.rows(), x.cols());
  const Eigen::HouseholderQR<Matrix> qr(x);
  const Matrix q = qr.householderQ() * Matrix::Identity(x.rows(), k);
  return {q, qr.matrixQR().topRows(k).triangularView<Eigen::Upper>()};
}

FactoredSvd dense_svd(const Matrix& product) {
  const Eigen::BDCSVD<Matrix> svd(product, Eigen::ComputeThinU | Eigen::ComputeThinV);
  return {svd.matrixU(), svd.singularValues(), svd.matrixV()};
}

}  // namespace

Factors stack(std::span<const Factors> parts, std::span<const double> weights) {
  FENNEC_CHECK(!parts.empty() && parts.size() == weights.size());
  Eigen::Index rank = 0;
  for (const Factors& part : parts) rank += part.rank();
  Factors out{Matrix(parts[0].b.rows(), rank), Matrix(rank, parts[0].a.cols())};
  Eigen::Index at = 0;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    out.b.middleCols(at, parts[k].rank()) = parts[k].b;
    out.a.middleRows(at, parts[k].rank()) = weights[k] * parts[k].a;
    at += parts[k].rank();
  }
  return out;
}

double inner_product(const Factors& x, const Factors& y) {
  return (x.b.transpose() * y.b).cwiseProduct(x.a * y.a.transpose()).sum();
}

double frobenius_norm(const Factors& x) { return std::sqrt(std::max(0.0, inner_product(x, x))); }

FactoredSvd factored_svd(const Factors& x) {
  if (x.rank() > std::min(x.b.rows(), x.a.cols())) return dense_svd(x.b * x.a);
  const ThinQr b = thin_qr(x.b), a = thin_qr(x.a.transpose());
  const FactoredSvd small = dense_svd(b.r * a.r.transpose());
  return {b.q * small.u, small.s, a.q * small.v};
}

Factors truncate(const FactoredSvd& svd, Eigen::Index rank) {
  const Eigen::Index kept = std::min(rank, svd.s.size());
  const Vector root = svd.s.head(kept).cwiseMax(0).cwiseSqrt();
  Factors out{Matrix::Zero(svd.u.rows(), rank), Matrix::Zero(rank, svd.v.rows())};
  out.b.leftCols(kept) = svd.u.leftCols(kept) * root.asDiagonal();
  out.a.topRows(kept) = root.asDiagonal() * svd.v.leftCols(kept).transpose();
  return out;
}

double truncation_error(const FactoredSvd& svd, Eigen::Index rank) {
  const Eigen::Index kept = std::min(rank, svd.s.size());
  return svd.s.tail(svd.s.size() - kept).norm();
}

Factors align(const Factors& x, const Factors& target) {
  FENNEC_CHECK(x.rank() == target.rank());
  const FactoredSvd svd = dense_svd(x.b.transpose() * target.b + x.a * target.a.transpose());
  const Matrix rotation = svd.u * svd.v.transpose();
  return {x.b * rotation, rotation.transpose() * x.a};
}

}  // namespace fennec
