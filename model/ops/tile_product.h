#pragma once
#include <cstdint>

namespace fennec {

/// C = A·B or C += A·B for products too thin or too small to be worth BLAS's packing: the low-rank
/// sides of an adapter, the tiles of attention. A may be strided both ways, so also transposed; rows of
/// B and C are contiguous. Every element of C is summed over k in ascending order: however the rows are
/// shared out, the bits are the same (of columns: shared out at multiples of kTileColumns).
struct TileProduct {
  std::int64_t rows = 0, columns = 0, depth = 0;
  const float* a = nullptr;
  std::int64_t a_row = 0, a_step = 1;  ///< a(i, k) = a[i·a_row + k·a_step]
  const float* b = nullptr;
  std::int64_t b_step = 0;  ///< b(k, j) = b[k·b_step + j]
  float* c = nullptr;
  std::int64_t c_row = 0;  ///< c(i, j) = c[i·c_row + j]
};

inline constexpr std::int64_t kTileColumns = 64;

void tile_product(const TileProduct& product, bool accumulate);

/// tile_product with its rows, or else its columns, shared out over the threads of this process.
void parallel_tile_rows(const TileProduct& product, bool accumulate);
void parallel_tile_columns(const TileProduct& product, bool accumulate);

/// to [columns, rows] = scale·from [rows, columns]ᵀ
void transpose_scaled(std::int64_t rows, std::int64_t columns, const float* from, std::int64_t from_row,
                      float scale, float* to, std::int64_t to_row);

}  // namespace fennec
