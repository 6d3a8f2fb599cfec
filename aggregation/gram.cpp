#include "aggregation/gram.h"

#include <algorithm>

#include "aggregation/vector_target.h"
#include "core/error.h"

namespace fennec {
namespace {

// ---- in the space of products: two products a module, then sums over blocks

void add_module(const AdapterSet& set, std::size_t module, Matrix& gram) {
  const std::vector<Factors> clients = set.of_module(module);
  const std::vector<double> ones(clients.size(), 1.0);
  const Factors all = stack(clients, ones);
  const Matrix inner = (all.b.transpose() * all.b).cwiseProduct(all.a * all.a.transpose());  // [Σr, Σr]
  Eigen::Index row = 0;
  for (Eigen::Index i = 0; i < gram.rows(); ++i) {
    const Eigen::Index height = clients[static_cast<std::size_t>(i)].rank();
    Eigen::Index column = 0;
    for (Eigen::Index j = 0; j < gram.cols(); ++j) {
      const Eigen::Index width = clients[static_cast<std::size_t>(j)].rank();
      gram(i, j) += inner.block(row, column, height, width).sum();
      column += width;
    }
    row += height;
  }
}

// ---- of flat vectors: blocks of them as doubles in the cache, two rows against four at a time

constexpr std::size_t kTile = 256;
using Lanes = double __attribute__((vector_size(32)));
constexpr std::size_t kLanes = 4;

FENNEC_INLINE double sum_of(const Lanes& lanes) {
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/// sums[i][j] += ⟨left row i, right row j⟩ over one tile. Rows are kTile doubles apart.
FENNEC_INLINE void dot_2x4(const double* left, const double* right, double* sums) {
  Lanes acc[2][4] = {};
  for (std::size_t t = 0; t < kTile; t += kLanes) {
    Lanes x[2], y;
    for (std::size_t i = 0; i < 2; ++i) __builtin_memcpy(&x[i], left + i * kTile + t, sizeof(Lanes));
    for (std::size_t j = 0; j < 4; ++j) {
      __builtin_memcpy(&y, right + j * kTile + t, sizeof(Lanes));
      for (std::size_t i = 0; i < 2; ++i) acc[i][j] += x[i] * y;
    }
  }
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 4; ++j) sums[i * 4 + j] = sum_of(acc[i][j]);
}

void dot_plain(const double* left, const double* right, double* sums) { dot_2x4(left, right, sums); }
FENNEC_AVX2 void dot_avx2(const double* left, const double* right, double* sums) {
  dot_2x4(left, right, sums);
}

}  // namespace

Matrix product_gram(const AdapterSet& set) {
  const auto n = static_cast<Eigen::Index>(set.clients.size());
  Matrix gram = Matrix::Zero(n, n);
  for (std::size_t m = 0; m < set.modules.size(); ++m) add_module(set, m, gram);
  return gram;
}

Matrix product_gram_from_base(const AdapterSet& with_base) {
  const Matrix all = product_gram(with_base);
  const Eigen::Index n = all.rows() - 1;  // the base's row
  Matrix out(n, n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < n; ++j) out(i, j) = (all(i, j) - all(i, n)) - (all(n, j) - all(n, n));
  return out;
}

Matrix flat_gram(std::span<const std::span<const float>> vectors) {
  const std::size_t count = vectors.size(), padded = (count + 3) / 4 * 4;
  FENNEC_CHECK(count > 0);
  const auto dot = cpu_has_avx2() ? dot_avx2 : dot_plain;
  std::vector<double> tile(padded * kTile, 0.0), sums(padded * padded, 0.0);
  for (std::size_t first = 0; first < vectors[0].size(); first += kTile) {
    const std::size_t n = std::min(kTile, vectors[0].size() - first);
    for (std::size_t k = 0; k < count; ++k) {
      const auto filled = std::copy_n(vectors[k].data() + first, n, tile.data() + k * kTile);
      std::fill(filled, tile.data() + (k + 1) * kTile, 0.0);
    }
    for (std::size_t i = 0; i < padded; i += 2)
      for (std::size_t j = 0; j <= i; j += 4) {  // the triangle, and what its blocks take along
        double part[8];
        dot(tile.data() + i * kTile, tile.data() + j * kTile, part);
        for (std::size_t a = 0; a < 2; ++a)
          for (std::size_t b = 0; b < 4; ++b) sums[(i + a) * padded + j + b] += part[a * 4 + b];
      }
  }
  const auto n = static_cast<Eigen::Index>(count);
  Matrix gram(n, n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j <= i; ++j)
      gram(i, j) = gram(j, i) =
          sums[static_cast<std::size_t>(i) * padded + static_cast<std::size_t>(j)];
  return gram;
}

Matrix square_distances(const Matrix& gram) {
  const Eigen::Index n = gram.rows();
  Matrix out(n, n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < n; ++j)
      out(i, j) = std::max(0.0, (gram(i, i) - gram(i, j)) + (gram(j, j) - gram(j, i)));
  return out;
}

}  // namespace fennec
