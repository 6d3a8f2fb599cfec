#include "model/ops/gemm.h"

#include <algorithm>

#include <ATen/Parallel.h>
#include <cblas.h>

#include "model/compute_threads.h"

namespace fennec {
namespace {

/// A block has at most this many rows and columns; BLAS packs each operand again for every block, which
/// costs a few percent at this size.
constexpr std::int64_t kBlockRows = 512, kBlockColumns = 1024;

struct Operand {
  const float* data;
  std::int64_t step;  ///< of its leading dimension in memory
  bool transposed;
};

void multiply_block(const GemmShape& shape, const float* x, const Operand& w, float* y,
                    std::int64_t first_row, std::int64_t first_column, bool accumulate) {
  const std::int64_t rows = std::min(kBlockRows, shape.rows - first_row),
                     columns = std::min(kBlockColumns, shape.columns - first_column);
  const float* weight = w.data + (w.transposed ? first_column * w.step : first_column);
  const std::int64_t x_step = shape.x_step > 0 ? shape.x_step : shape.depth,
                     y_step = shape.y_step > 0 ? shape.y_step : shape.columns;
  const auto blas = [](std::int64_t n) { return static_cast<blasint>(n); };
  cblas_sgemm(CblasRowMajor, CblasNoTrans, w.transposed ? CblasTrans : CblasNoTrans, blas(rows),
              blas(columns), blas(shape.depth), 1.0F, x + first_row * x_step, blas(x_step), weight,
              blas(w.step), accumulate ? 1.0F : 0.0F, y + first_row * y_step + first_column,
              blas(y_step));
}

void multiply(const GemmShape& shape, const float* x, const Operand& w, float* y, bool accumulate) {
  use_one_blas_thread();
  if (shape.rows == 0 || shape.columns == 0) return;
  const std::int64_t across = (shape.columns + kBlockColumns - 1) / kBlockColumns,
                     blocks = (shape.rows + kBlockRows - 1) / kBlockRows * across;
  at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block)
      multiply_block(shape, x, w, y, block / across * kBlockRows, block % across * kBlockColumns,
                     accumulate);
  });
}

}  // namespace

void gemm_transposed(const GemmShape& shape, const float* x, const float* w, float* y,
                     bool accumulate) {
  multiply(shape, x, {w, shape.depth, true}, y, accumulate);
}

void gemm(const GemmShape& shape, const float* x, const float* w, float* y, bool accumulate) {
  multiply(shape, x, {w, shape.columns, false}, y, accumulate);
}

}  // namespace fennec
