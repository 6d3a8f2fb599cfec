#include "model/ops/quantized_gemm.h"

#include <algorithm>
#include <memory>

#include <ATen/Parallel.h>

namespace fennec {
namespace {

constexpr std::int64_t kTileValues = 1 << 18;
constexpr std::int64_t kWeightsEach = 1 << 15;  // weights that are worth another thread

std::int64_t tile_rows(const QuantizedMatrix& w) {
  return std::clamp<std::int64_t>(kTileValues / w.columns(), 1, std::max<std::int64_t>(w.rows(), 1));
}

std::unique_ptr<float[]> scratch(std::int64_t values) {
  return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(values));
}

std::int64_t rows_each(const QuantizedMatrix& w) {
  return std::max<std::int64_t>(1, kWeightsEach / w.columns());
}

/// y [w.rows()] = W·x
void multiply_vector(const QuantizedMatrix& w, const float* x, float* y, bool accumulate) {
  at::parallel_for(0, w.rows(), rows_each(w), [&](std::int64_t begin, std::int64_t end) {
    if (!accumulate) return w.multiply(begin, end, x, y + begin);
    const auto product = scratch(end - begin);
    w.multiply(begin, end, x, product.get());
    for (std::int64_t i = begin; i < end; ++i) y[i] += product[static_cast<std::size_t>(i - begin)];
  });
}

void expand(const QuantizedMatrix& w, std::int64_t first, std::int64_t count, float* out) {
  at::parallel_for(0, count, rows_each(w), [&](std::int64_t begin, std::int64_t end) {
    w.dequantize(first + begin, first + end, out + begin * w.columns());
  });
}

}  // namespace

void quantized_gemm_transposed(std::int64_t rows, const float* x, const QuantizedMatrix& w, float* y,
                               bool accumulate) {
  if (rows == 1) return multiply_vector(w, x, y, accumulate);
  const std::int64_t tall = tile_rows(w), tiles = (w.rows() + tall - 1) / tall;
  at::parallel_for(0, tiles, 1, [&](std::int64_t begin, std::int64_t end) {
    const auto tile = scratch(tall * w.columns());
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * tall, count = std::min(tall, w.rows() - first);
      w.dequantize(first, first + count, tile.get());
      gemm_transposed({rows, count, w.columns(), 0, w.rows()}, x, tile.get(), y + first, accumulate);
    }
  });
}

void quantized_gemm(std::int64_t rows, const float* x, const QuantizedMatrix& w, float* y,
                    bool accumulate) {
  const std::int64_t tall = tile_rows(w);
  const auto tile = scratch(tall * w.columns());
  for (std::int64_t first = 0; first < w.rows(); first += tall) {
    const std::int64_t count = std::min(tall, w.rows() - first);
    expand(w, first, count, tile.get());
    gemm({rows, w.columns(), count, w.rows(), 0}, x + first, tile.get(), y, accumulate || first > 0);
  }
}

}  // namespace fennec
