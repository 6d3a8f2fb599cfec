#pragma once
#include <cstdint>

#include "model/ops/gemm.h"
#include "model/quantized_matrix.h"

namespace fennec {

/// gemm_transposed() and gemm() with a quantised w. It is expanded a tile of whole rows at a time
/// (about 1 MiB of fp32, which stays in the cache until BLAS has read it); a single row of x is
/// multiplied straight from the codes. Tiles depend on the matrix alone: the same bits on any number of
/// threads.
/// @param x [rows, w.columns()]  @param y [rows, w.rows()]
void quantized_gemm_transposed(std::int64_t rows, const float* x, const QuantizedMatrix& w, float* y,
                               bool accumulate);
/// @param x [rows, w.rows()]  @param y [rows, w.columns()]
void quantized_gemm(std::int64_t rows, const float* x, const QuantizedMatrix& w, float* y,
                    bool accumulate);

}  // namespace fennec
