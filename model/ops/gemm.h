#pragma once
#include <cstdint>

namespace fennec {

/// Products with a frozen weight, through BLAS. BLAS itself runs one thread; the work is cut into
/// blocks that depend on the shape alone and shared out over LibTorch's threads, so that the same shape
/// gives the same bits on any number of threads. All matrices are dense and row-major.
struct GemmShape {
  std::int64_t rows = 0, columns = 0, depth = 0;
};

/// y [rows, columns] = x [rows, depth] · w [columns, depth]ᵀ, added to y when `accumulate`.
void gemm_transposed(const GemmShape& shape, const float* x, const float* w, float* y, bool accumulate);
/// y [rows, columns] = x [rows, depth] · w [depth, columns], added to y when `accumulate`.
void gemm(const GemmShape& shape, const float* x, const float* w, float* y, bool accumulate);

}  // namespace fennec
