#include "aggregation/column_sort.h"

#include <bit>
#include <span>

#include "aggregation/vector_target.h"

namespace fennec {
namespace {

using Exchanges = std::span<const std::pair<std::uint32_t, std::uint32_t>>;

FENNEC_INLINE void run_network(float* values, Exchanges exchanges) {
  for (const auto& [upper, lower] : exchanges) {
    float *a = values + upper * ColumnSort::kWidth, *b = values + lower * ColumnSort::kWidth;
    for (std::size_t i = 0; i < ColumnSort::kWidth; ++i) {
      const float x = a[i], y = b[i];
      a[i] = y < x ? y : x;
      b[i] = y < x ? x : y;
    }
  }
}

void run_plain(float* values, Exchanges exchanges) { run_network(values, exchanges); }
FENNEC_AVX2 void run_avx2(float* values, Exchanges exchanges) { run_network(values, exchanges); }

}  // namespace

ColumnSort::ColumnSort(std::size_t rows) {
  const auto n = static_cast<std::uint32_t>(rows);
  if (n < 2) return;
  const std::uint32_t top = std::bit_ceil(n) / 2;
  for (std::uint32_t p = top; p > 0; p /= 2) {
    std::uint32_t q = top, r = 0, distance = p;
    while (true) {
      for (std::uint32_t i = 0; i + distance < n; ++i)
        if ((i & p) == r) exchanges_.emplace_back(i, i + distance);
      if (q == p) break;
      distance = q - p;
      q /= 2;
      r = p;
    }
  }
}

void ColumnSort::sort(float* values) const {
  (cpu_has_avx2() ? run_avx2 : run_plain)(values, exchanges_);
}

}  // namespace fennec
