#include "model/ops/optimizer_kernels.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/ops/optimizer_kernels.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fennec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE void adamw_vector(D d, std::int64_t i, const AdamWScales& s, const float* g, float* w,
                             float* m, float* v) {
  const auto grad = hn::LoadU(d, g + i);
  const auto first = hn::MulAdd(hn::Set(d, s.beta1), hn::LoadU(d, m + i),
                                hn::Mul(hn::Set(d, s.one_minus_beta1), grad));
  const auto second = hn::MulAdd(hn::Set(d, s.beta2), hn::LoadU(d, v + i),
                                 hn::Mul(hn::Set(d, s.one_minus_beta2), hn::Mul(grad, grad)));
  const auto denominator =
      hn::MulAdd(hn::Sqrt(second), hn::Set(d, s.inverse_bias2), hn::Set(d, s.epsilon));
  const auto step = hn::Div(hn::Mul(hn::Set(d, s.step_size), first), denominator);
  hn::StoreU(first, d, m + i);
  hn::StoreU(second, d, v + i);
  hn::StoreU(hn::MulSub(hn::Set(d, s.decay), hn::LoadU(d, w + i), step), d, w + i);
}

void adamw(std::int64_t n, const AdamWScales& s, const float* g, float* w, float* m, float* v) {
  const hn::ScalableTag<float> full;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(full));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) adamw_vector(full, i, s, g, w, m, v);
  for (; i < n; ++i) adamw_vector(hn::CappedTag<float, 1>(), i, s, g, w, m, v);
}

}  // namespace fennec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fennec {

HWY_EXPORT(adamw);

void adamw_row(std::int64_t n, const AdamWScales& scales, const float* g, float* w, float* m,
               float* v) {
  HWY_DYNAMIC_DISPATCH(adamw)(n, scales, g, w, m, v);
}

double sum_of_squares(std::int64_t n, const float* x) {
  double sums[4] = {};  // independent, since an addition takes four cycles
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int j = 0; j < 4; ++j)
      sums[j] += static_cast<double>(x[i + j]) * static_cast<double>(x[i + j]);
  for (; i < n; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace fennec
#endif
