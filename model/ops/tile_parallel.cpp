#include <algorithm>

#include <ATen/Parallel.h>

#include "model/ops/tile_product.h"

namespace fennec {
namespace {

/// Multiply-adds that are worth another thread.
constexpr std::int64_t kWork = 64 * 1024;

std::int64_t grain(std::int64_t work_each) {
  return std::max<std::int64_t>(1, kWork / std::max<std::int64_t>(1, work_each));
}

}  // namespace

void parallel_tile_rows(const TileProduct& product, bool accumulate) {
  at::parallel_for(0, product.rows, grain(product.columns * product.depth),
                   [&](std::int64_t begin, std::int64_t end) {
                     TileProduct part = product;
                     part.rows = end - begin;
                     part.a += begin * product.a_row;
                     part.c += begin * product.c_row;
                     tile_product(part, accumulate);
                   });
}

void parallel_tile_columns(const TileProduct& product, bool accumulate) {
  const std::int64_t strips = (product.columns + kTileColumns - 1) / kTileColumns;
  at::parallel_for(0, strips, grain(kTileColumns * product.rows * product.depth),
                   [&](std::int64_t begin, std::int64_t end) {
                     TileProduct part = product;
                     const std::int64_t first = begin * kTileColumns;
                     part.columns = std::min(end * kTileColumns, product.columns) - first;
                     part.b += first;
                     part.c += first;
                     tile_product(part, accumulate);
                   });
}

void transpose_scaled(std::int64_t rows, std::int64_t columns, const float* from, std::int64_t from_row,
                      float scale, float* to, std::int64_t to_row) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) to[j * to_row + i] = scale * from[i * from_row + j];
}

}  // namespace fennec
