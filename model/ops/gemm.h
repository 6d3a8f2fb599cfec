#pragma once
#include <cstdint>

namespace fennec {

/// Products with a frozen weight, through BLAS. BLAS itself runs one thread; the work is cut into
/// blocks that depend on the shape alone and shared out over LibTorch's threads, so that the same shape
/// gives the same bits on any number of threads. All matrices are row-major, w is dense.
struct GemmShape {
  std::int64_t rows = 0, columns = 0, depth = 0;
  std::int64_t x_step = 0, y_step = 0;  ///< from row to row in memory; 0: dense
};

/// y [rows, columns] = x [rows, depth] · w [columns, depth]ᵀ, added to y when `accumulate`.
void gemm_transposed(const GemmShape& shape, const float* x, const float* w, float* y, bool accumulate);
/// y [rows, columns] = x [rows, depth] · w [depth, columns], added to y when `accumulate`.
void gemm(const GemmShape& shape, const float* x, const float* w, float* y, bool accumulate);

}  // namespace fennec
