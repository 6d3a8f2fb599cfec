#include "model/ops/row_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/ops/row_kernels.cpp"
#include <hwy/foreach_target.h>
// after foreach_target.h
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fennec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Full = hn::ScalableTag<float>;
using Single = hn::CappedTag<float, 1>;
using Index = std::int64_t;

/// Calls body(tag, i) for every vector of 0 … n − 1, then for each element left over.
template <class Body>
HWY_INLINE void for_each_vector(Index n, const Body& body) {
  const Full full;
  const auto lanes = static_cast<Index>(hn::Lanes(full));
  Index i = 0;
  for (; i + lanes <= n; i += lanes) body(full, i);
  for (; i < n; ++i) body(Single(), i);
}

/// Σ term(tag, i) over 0 … n − 1, in four running sums, since an addition takes four cycles.
template <class Term>
HWY_INLINE float sum_of(Index n, const Term& term) {
  const Full full;
  const auto lanes = static_cast<Index>(hn::Lanes(full));
  auto a = hn::Zero(full), b = a, c = a, d = a;
  Index i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = hn::Add(a, term(full, i));
    b = hn::Add(b, term(full, i + lanes));
    c = hn::Add(c, term(full, i + 2 * lanes));
    d = hn::Add(d, term(full, i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) a = hn::Add(a, term(full, i));
  float sum = hn::GetLane(hn::SumOfLanes(full, hn::Add(hn::Add(a, b), hn::Add(c, d))));
  for (; i < n; ++i) sum += hn::GetLane(term(Single(), i));
  return sum;
}

void norm_rows(Index rows, Index width, const float* x, const float* weight, float epsilon, float* y,
               float* scale) {
  for (Index row = 0; row < rows; ++row, x += width, y += width) {
    const float squares = sum_of(width, [x](auto d, Index i) HWY_ATTR {
      const auto v = hn::LoadU(d, x + i);
      return hn::Mul(v, v);
    });
    const float r = 1.0F / std::sqrt(squares / static_cast<float>(width) + epsilon);
    scale[row] = r;
    for_each_vector(width, [=](auto d, Index i) HWY_ATTR {
      const auto v = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, r));
      hn::StoreU(hn::Mul(v, hn::LoadU(d, weight + i)), d, y + i);
    });
  }
}

void norm_backward_rows(Index rows, Index width, const float* x, const float* weight,
                        const float* scale, const float* grad, float* dx) {
  for (Index row = 0; row < rows; ++row, x += width, grad += width, dx += width) {
    const float products = sum_of(width, [=](auto d, Index i) HWY_ATTR {
      return hn::Mul(hn::Mul(hn::LoadU(d, x + i), hn::LoadU(d, grad + i)), hn::LoadU(d, weight + i));
    });
    const float r = scale[row], c = r * r * r * products / static_cast<float>(width);
    for_each_vector(width, [=](auto d, Index i) HWY_ATTR {
      const auto g = hn::Mul(hn::LoadU(d, grad + i), hn::LoadU(d, weight + i));
      const auto along_x = hn::Mul(hn::LoadU(d, x + i), hn::Set(d, c));
      hn::StoreU(hn::MulSub(g, hn::Set(d, r), along_x), d, dx + i);
    });
  }
}

void rotate(Index width, Index half, const float* in, const float* cos, const float* sin, float sign,
            float* out) {
  for_each_vector(half, [=](auto d, Index i) HWY_ATTR {
    const auto a = hn::LoadU(d, in + i), b = hn::LoadU(d, in + half + i), c = hn::LoadU(d, cos + i),
               s = hn::Mul(hn::LoadU(d, sin + i), hn::Set(d, sign));
    hn::StoreU(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), d, out + i);
    hn::StoreU(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), d, out + half + i);
  });
  if (in != out) std::copy(in + 2 * half, in + width, out + 2 * half);
}

/// 1 / (1 + e^−x); e^88 is as far as a float goes.
template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  const V e = hn::Exp(d, hn::Min(hn::Neg(x), hn::Set(d, 88.0F)));
  return hn::Div(hn::Set(d, 1.0F), hn::Add(hn::Set(d, 1.0F), e));
}

void swiglu(Index n, const float* gate, const float* up, float* out) {
  for_each_vector(n, [=](auto d, Index i) HWY_ATTR {
    const auto g = hn::LoadU(d, gate + i);
    hn::StoreU(hn::Mul(hn::Mul(g, sigmoid(d, g)), hn::LoadU(d, up + i)), d, out + i);
  });
}

void swiglu_backward(Index n, const float* gate, const float* up, const float* grad, float* dgate,
                     float* dup) {
  for_each_vector(n, [=](auto d, Index i) HWY_ATTR {
    const auto x = hn::LoadU(d, gate + i), g = hn::LoadU(d, grad + i), s = sigmoid(d, x),
               silu = hn::Mul(x, s);
    // silu' = σ·(1 + x·(1 − σ)) = σ + silu·(1 − σ)
    const auto slope = hn::MulAdd(silu, hn::Sub(hn::Set(d, 1.0F), s), s);
    hn::StoreU(hn::Mul(hn::Mul(g, hn::LoadU(d, up + i)), slope), d, dgate + i);
    hn::StoreU(hn::Mul(g, silu), d, dup + i);
  });
}

float maximum(Index n, const float* x) {
  const Full full;
  const auto lanes = static_cast<Index>(hn::Lanes(full));
  auto best = hn::Set(full, -std::numeric_limits<float>::infinity());
  Index i = 0;
  for (; i + lanes <= n; i += lanes) best = hn::Max(best, hn::LoadU(full, x + i));
  float result = hn::GetLane(hn::MaxOfLanes(full, best));
  for (; i < n; ++i) result = std::max(result, x[i]);
  return result;
}

float dot(Index n, const float* x, const float* y) {
  return sum_of(
      n, [=](auto d, Index i) HWY_ATTR { return hn::Mul(hn::LoadU(d, x + i), hn::LoadU(d, y + i)); });
}

float exp_sum(Index n, float shift, float* x) {
  return sum_of(n, [=](auto d, Index i) HWY_ATTR {
    const auto e = hn::Exp(d, hn::Sub(hn::LoadU(d, x + i), hn::Set(d, shift)));
    hn::StoreU(e, d, x + i);
    return e;
  });
}

void scale(Index n, float factor, float* x) {
  for_each_vector(n, [=](auto d, Index i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, factor)), d, x + i);
  });
}

void softmax_backward(Index n, const float* p, float mean, float factor, float* dp) {
  for_each_vector(n, [=](auto d, Index i) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(d, dp + i), hn::Set(d, mean));
    hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, p + i), centred), hn::Set(d, factor)), d, dp + i);
  });
}

}  // namespace fennec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fennec {

HWY_EXPORT(norm_rows);
HWY_EXPORT(norm_backward_rows);
HWY_EXPORT(rotate);
HWY_EXPORT(swiglu);
HWY_EXPORT(swiglu_backward);
HWY_EXPORT(maximum);
HWY_EXPORT(dot);
HWY_EXPORT(exp_sum);
HWY_EXPORT(scale);
HWY_EXPORT(softmax_backward);

void rms_norm_rows(std::int64_t rows, std::int64_t width, const float* x, const float* weight,
                   float epsilon, float* y, float* scales) {
  HWY_DYNAMIC_DISPATCH(norm_rows)(rows, width, x, weight, epsilon, y, scales);
}

void rms_norm_backward_rows(std::int64_t rows, std::int64_t width, const float* x, const float* weight,
                            const float* scales, const float* grad, float* dx) {
  HWY_DYNAMIC_DISPATCH(norm_backward_rows)(rows, width, x, weight, scales, grad, dx);
}

void rotate_row(std::int64_t width, std::int64_t half, const float* in, const float* cos,
                const float* sin, float sign, float* out) {
  HWY_DYNAMIC_DISPATCH(rotate)(width, half, in, cos, sin, sign, out);
}

void swiglu_row(std::int64_t n, const float* gate, const float* up, float* out) {
  HWY_DYNAMIC_DISPATCH(swiglu)(n, gate, up, out);
}

void swiglu_backward_row(std::int64_t n, const float* gate, const float* up, const float* grad,
                         float* dgate, float* dup) {
  HWY_DYNAMIC_DISPATCH(swiglu_backward)(n, gate, up, grad, dgate, dup);
}

float row_max(std::int64_t n, const float* x) { return HWY_DYNAMIC_DISPATCH(maximum)(n, x); }

float row_dot(std::int64_t n, const float* x, const float* y) {
  return HWY_DYNAMIC_DISPATCH(dot)(n, x, y);
}

float exp_row(std::int64_t n, float shift, float* x) {
  return HWY_DYNAMIC_DISPATCH(exp_sum)(n, shift, x);
}

void scale_row(std::int64_t n, float factor, float* x) { HWY_DYNAMIC_DISPATCH(scale)(n, factor, x); }

void softmax_backward_row(std::int64_t n, const float* p, float mean, float factor, float* dp) {
  HWY_DYNAMIC_DISPATCH(softmax_backward)(n, p, mean, factor, dp);
}

}  // namespace fennec
#endif
