#include "model/ops/quantized_kernels.h"

#include <algorithm>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/ops/quantized_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each kind of processor
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fennec::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = HWY_CAPPED(float, 16);
using Vector = hn::Vec<Floats>;
constexpr std::int64_t kGroup = 64;
constexpr Floats kFloats;

std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(kFloats)); }

/// As many int8 or uint8 values as there are lanes, as floats.
template <class Byte>
Vector load_bytes(const Byte* bytes) {
  const hn::Rebind<std::int32_t, Floats> ints;
  return hn::ConvertTo(kFloats, hn::PromoteTo(ints, hn::LoadU(hn::Rebind<Byte, Floats>(), bytes)));
}

/// Both nibbles of as many bytes as there are lanes; `whole` = low + 16·high.
struct Nibbles {
  Vector low, whole;
};
Nibbles load_nibbles(const std::uint8_t* bytes) {
  const hn::Rebind<std::int32_t, Floats> ints;
  const auto whole = hn::PromoteTo(ints, hn::LoadU(hn::Rebind<std::uint8_t, Floats>(), bytes));
  const auto low = hn::And(whole, hn::Set(ints, 15));
  return {hn::ConvertTo(kFloats, low), hn::ConvertTo(kFloats, whole)};
}

/// fp16 → fp32 of `count` values.
void load_halves(const std::uint16_t* halves, std::int64_t count, float* out) {
  const hn::Rebind<hwy::float16_t, Floats> half;
  std::int64_t i = 0;
  for (; i + lanes() <= count; i += lanes())
    hn::StoreU(
        hn::PromoteTo(kFloats, hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(halves + i))),
        kFloats, out + i);
  HWY_ALIGN std::uint16_t rest[16] = {};
  HWY_ALIGN float wide[16];
  for (std::int64_t j = i; j < count; ++j) rest[j - i] = halves[j];
  hn::Store(hn::PromoteTo(kFloats, hn::Load(half, reinterpret_cast<const hwy::float16_t*>(rest))),
            kFloats, wide);
  for (std::int64_t j = i; j < count; ++j) out[j] = wide[j - i];
}

void dequantize_int8(const Int8Rows& w, float* out) {
  const std::int8_t* q = w.values;
  const float* scale = w.scales;
  for (std::int64_t row = 0; row < w.rows; ++row)
    for (std::int64_t begin = 0; begin < w.columns; begin += kGroup, ++scale) {
      const std::int64_t count = std::min(kGroup, w.columns - begin);
      const Vector s = hn::Set(kFloats, *scale);
      std::int64_t i = 0;
      for (; i + lanes() <= count; i += lanes())
        hn::StoreU(hn::Mul(s, load_bytes(q + i)), kFloats, out + i);
      for (; i < count; ++i) out[i] = *scale * static_cast<float>(q[i]);
      q += count;
      out += count;
    }
}

/// Σ s·q·x of one row.
float int8_dot(std::int64_t columns, const std::int8_t* q, const float* scale, const float* x) {
  Vector total = hn::Zero(kFloats);
  float rest = 0;
  for (std::int64_t begin = 0; begin < columns; begin += kGroup, ++scale) {
    const std::int64_t count = std::min(kGroup, columns - begin), pair = 2 * lanes();
    Vector even = hn::Zero(kFloats), odd = hn::Zero(kFloats);
    std::int64_t i = begin;
    for (; i + pair <= begin + count; i += pair) {
      even = hn::MulAdd(load_bytes(q + i), hn::LoadU(kFloats, x + i), even);
      odd = hn::MulAdd(load_bytes(q + i + lanes()), hn::LoadU(kFloats, x + i + lanes()), odd);
    }
    total = hn::MulAdd(hn::Set(kFloats, *scale), hn::Add(even, odd), total);
    for (; i < begin + count; ++i) rest += *scale * static_cast<float>(q[i]) * x[i];
  }
  return hn::GetLane(hn::SumOfLanes(kFloats, total)) + rest;
}

void multiply_int8(const Int8Rows& w, const float* x, float* y) {
  const std::int64_t groups = (w.columns + kGroup - 1) / kGroup;
  for (std::int64_t row = 0; row < w.rows; ++row)
    y[row] = int8_dot(w.columns, w.values + row * w.columns, w.scales + row * groups, x);
}

void dequantize_int4(const Int4Rows& w, float* out) {
  const std::int64_t groups = (w.columns + kGroup - 1) / kGroup, row_bytes = (w.columns + 1) / 2;
  std::vector<float> scales(static_cast<std::size_t>(groups)), zeros(scales.size());
  const Vector sixteenth = hn::Set(kFloats, 1.0F / 16);
  for (std::int64_t row = 0; row < w.rows; ++row, out += w.columns) {
    load_halves(w.scales + row * groups, groups, scales.data());
    load_halves(w.zeros + row * groups, groups, zeros.data());
    const std::uint8_t* packed = w.packed + row * row_bytes;
    for (std::int64_t begin = 0; begin < w.columns; begin += kGroup) {
      const float scale = scales[static_cast<std::size_t>(begin / kGroup)],
                  zero = zeros[static_cast<std::size_t>(begin / kGroup)];
      const Vector s = hn::Set(kFloats, scale), z = hn::Set(kFloats, zero);
      const std::int64_t end = std::min(begin + kGroup, w.columns);
      std::int64_t i = begin;
      for (; i + 2 * lanes() <= end; i += 2 * lanes()) {
        const Nibbles n = load_nibbles(packed + i / 2);
        const Vector high = hn::Mul(hn::Sub(n.whole, n.low), sixteenth);  // exact
        hn::StoreInterleaved2(hn::MulAdd(s, n.low, z), hn::MulAdd(s, high, z), kFloats, out + i);
      }
      for (; i < end; ++i)
        out[i] = zero + scale * static_cast<float>(packed[i / 2] >> (i % 2 * 4) & 15);
    }
  }
}

/// x rearranged for packed rows: low·x[2i] + high·x[2i+1] = low·by_low[i] + (low +
/// 16·high)·by_whole[i].
struct Int4Vector {
  std::vector<float> by_low, by_whole;  // [⌈columns/2⌉]
  std::vector<float> sums;              // [groups] Σ x

  Int4Vector(std::int64_t columns, const float* x) {
    for (std::int64_t i = 0; i < columns; i += 2) {
      const float high = i + 1 < columns ? x[i + 1] / 16 : 0;
      by_low.push_back(x[i] - high);
      by_whole.push_back(high);
    }
    for (std::int64_t i = 0; i < columns; i += kGroup) {
      float sum = 0;
      for (std::int64_t j = i, end = std::min(i + kGroup, columns); j < end; ++j) sum += x[j];
      sums.push_back(sum);
    }
  }
};

/// Σ (z + s·q)·x of one row.  @param scale, zero [groups]
float int4_dot(std::int64_t columns, const std::uint8_t* packed, const float* scale, const float* zero,
               const Int4Vector& x) {
  const float *by_low = x.by_low.data(), *by_whole = x.by_whole.data(), *sum = x.sums.data();
  Vector total = hn::Zero(kFloats);
  float rest = 0;
  for (std::int64_t i = 0, bytes = (columns + 1) / 2; i < bytes; ++scale, ++zero, ++sum) {
    const std::int64_t end = std::min(i + kGroup / 2, bytes);
    Vector low = hn::Zero(kFloats), whole = hn::Zero(kFloats);
    for (; i + lanes() <= end; i += lanes()) {
      const Nibbles n = load_nibbles(packed + i);
      low = hn::MulAdd(n.low, hn::LoadU(kFloats, by_low + i), low);
      whole = hn::MulAdd(n.whole, hn::LoadU(kFloats, by_whole + i), whole);
    }
    total = hn::MulAdd(hn::Set(kFloats, *scale), hn::Add(low, whole), total);
    float tail = 0;
    for (; i < end; ++i)
      tail +=
          static_cast<float>(packed[i] & 15) * by_low[i] + static_cast<float>(packed[i]) * by_whole[i];
    rest += *scale * tail + *zero * *sum;
  }
  return hn::GetLane(hn::SumOfLanes(kFloats, total)) + rest;
}

void multiply_int4(const Int4Rows& w, const float* x, float* y) {
  const std::int64_t groups = (w.columns + kGroup - 1) / kGroup, row_bytes = (w.columns + 1) / 2;
  const Int4Vector prepared(w.columns, x);
  std::vector<float> scales(static_cast<std::size_t>(groups)), zeros(scales.size());
  for (std::int64_t row = 0; row < w.rows; ++row) {
    load_halves(w.scales + row * groups, groups, scales.data());
    load_halves(w.zeros + row * groups, groups, zeros.data());
    y[row] = int4_dot(w.columns, w.packed + row * row_bytes, scales.data(), zeros.data(), prepared);
  }
}

}  // namespace
}  // namespace fennec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fennec {

HWY_EXPORT(dequantize_int8);
HWY_EXPORT(multiply_int8);
HWY_EXPORT(dequantize_int4);
HWY_EXPORT(multiply_int4);

void int8_dequantize(const Int8Rows& w, float* out) { HWY_DYNAMIC_DISPATCH(dequantize_int8)(w, out); }
void int8_multiply(const Int8Rows& w, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(multiply_int8)(w, x, y);
}
void int4_dequantize(const Int4Rows& w, float* out) { HWY_DYNAMIC_DISPATCH(dequantize_int4)(w, out); }
void int4_multiply(const Int4Rows& w, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(multiply_int4)(w, x, y);
}

}  // namespace fennec
#endif
