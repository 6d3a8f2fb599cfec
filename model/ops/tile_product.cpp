#include "model/ops/tile_product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/ops/tile_product.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fennec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Rows i … i + kRows − 1 of C, columns j … j + kVectors·lanes − 1, held in registers over all of k.
template <int kRows, int kVectors, class D>
HWY_INLINE void multiply_tile(D d, const TileProduct& p, std::int64_t i, std::int64_t j,
                              bool accumulate) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const float *a = p.a + i * p.a_row, *b = p.b + j;
  float* c = p.c + i * p.c_row + j;
  V sum[kRows][kVectors];
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v)
      sum[r][v] = accumulate ? hn::LoadU(d, c + r * p.c_row + v * lanes) : hn::Zero(d);
  }
  for (std::int64_t k = 0; k < p.depth; ++k, a += p.a_step, b += p.b_step) {
    V row[kVectors];
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) row[v] = hn::LoadU(d, b + v * lanes);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const V factor = hn::Set(d, a[r * p.a_row]);
      HWY_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, row[v], sum[r][v]);
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * p.c_row + v * lanes);
  }
}

/// All rows of one strip of columns. Two vectors wide, 6 rows keep the multipliers busy; one wide, 8.
template <int kVectors, class D>
HWY_INLINE void multiply_strip(D d, const TileProduct& p, std::int64_t j, bool accumulate) {
  constexpr int kTall = kVectors == 1 ? 8 : 6;
  std::int64_t i = 0;
  for (; p.rows - i >= 2 * kTall || p.rows - i == kTall; i += kTall)
    multiply_tile<kTall, kVectors>(d, p, i, j, accumulate);
  for (; p.rows - i >= 4; i += 4) multiply_tile<4, kVectors>(d, p, i, j, accumulate);
  for (; p.rows - i >= 2; i += 2) multiply_tile<2, kVectors>(d, p, i, j, accumulate);
  for (; i < p.rows; ++i) multiply_tile<1, kVectors>(d, p, i, j, accumulate);
}

/// Strips as wide as D allows. @return the first column left over
template <class D>
HWY_INLINE std::int64_t multiply_strips(D d, const TileProduct& p, std::int64_t j, bool accumulate) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; p.columns - j >= 2 * lanes; j += 2 * lanes) multiply_strip<2>(d, p, j, accumulate);
  for (; p.columns - j >= lanes; j += lanes) multiply_strip<1>(d, p, j, accumulate);
  return j;
}

void multiply(const TileProduct& p, bool accumulate) {
  std::int64_t j = multiply_strips(hn::ScalableTag<float>(), p, 0, accumulate);
  j = multiply_strips(hn::CappedTag<float, 8>(), p, j, accumulate);
  j = multiply_strips(hn::CappedTag<float, 4>(), p, j, accumulate);
  multiply_strips(hn::CappedTag<float, 1>(), p, j, accumulate);
}

}  // namespace fennec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fennec {

HWY_EXPORT(multiply);

void tile_product(const TileProduct& product, bool accumulate) {
  HWY_DYNAMIC_DISPATCH(multiply)(product, accumulate);
}

}  // namespace fennec
#endif
