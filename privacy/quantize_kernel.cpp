#include "privacy/quantize_kernel.h"

#include <cmath>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fennec {
namespace {

constexpr double kTwo24 = 16777216.0;
constexpr double kMostFloat = std::numeric_limits<float>::max();

void plain(const float* x, const std::uint32_t* random, std::size_t n, const QuantizeScaling& s,
           std::uint32_t* out, QuantizeCounts& counts) {
  for (std::size_t i = 0; i < n; ++i) {
    const double value = static_cast<double>(x[i]);
    double z = value * s.scale;
    counts.not_finite += !(std::fabs(value) <= kMostFloat);
    counts.clipped += std::fabs(z) > s.limit;
    z = z > -s.limit ? z : -s.limit;  // NaN too
    z = (z < s.limit ? z : s.limit) * s.weight;
    const double floor = std::floor(z);
    const bool up = (z - floor) * kTwo24 > static_cast<double>(random[i] >> 8);
    out[i] = static_cast<std::uint32_t>(static_cast<std::int32_t>(floor) + (up ? 1 : 0));
  }
}

#if defined(__x86_64__)
/// Four values at a time, operation by operation the loop above. Returns how many were done.
__attribute__((target("avx2"))) std::size_t with_avx2(const float* x, const std::uint32_t* random,
                                                      std::size_t n, const QuantizeScaling& s,
                                                      std::uint32_t* out, QuantizeCounts& counts) {
  const __m256d scale = _mm256_set1_pd(s.scale), weight = _mm256_set1_pd(s.weight);
  const __m256d high = _mm256_set1_pd(s.limit), low = _mm256_set1_pd(-s.limit);
  const __m256d sign = _mm256_set1_pd(-0.0), one = _mm256_set1_pd(1.0);
  const __m256d most = _mm256_set1_pd(kMostFloat), two24 = _mm256_set1_pd(kTwo24);
  __m256i clipped = _mm256_setzero_si256(), wild = _mm256_setzero_si256();
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const __m256d value = _mm256_cvtps_pd(_mm_loadu_ps(x + i));
    __m256d z = _mm256_mul_pd(value, scale);
    const __m256d is_wild = _mm256_cmp_pd(_mm256_andnot_pd(sign, value), most, _CMP_NLE_UQ);
    const __m256d is_over = _mm256_cmp_pd(_mm256_andnot_pd(sign, z), high, _CMP_GT_OQ);
    wild = _mm256_sub_epi64(wild, _mm256_castpd_si256(is_wild));
    clipped = _mm256_sub_epi64(clipped, _mm256_castpd_si256(is_over));
    z = _mm256_mul_pd(_mm256_min_pd(_mm256_max_pd(z, low), high), weight);  // max(NaN, low) = low
    const __m256d floor = _mm256_floor_pd(z);
    const __m128i word = _mm_loadu_si128(reinterpret_cast<const __m128i*>(random + i));
    const __m256d r = _mm256_cvtepi32_pd(_mm_srli_epi32(word, 8));
    const __m256d part = _mm256_mul_pd(_mm256_sub_pd(z, floor), two24);
    const __m256d up = _mm256_and_pd(_mm256_cmp_pd(part, r, _CMP_GT_OQ), one);
    const __m128i whole = _mm256_cvtpd_epi32(_mm256_add_pd(floor, up));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), whole);
  }
  alignas(32) std::int64_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), clipped);
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes + 4), wild);
  for (int lane = 0; lane < 4; ++lane) {
    counts.clipped += lanes[lane];
    counts.not_finite += lanes[lane + 4];
  }
  return i;
}
#endif

}  // namespace

void quantize_block(std::span<const float> x, std::span<const std::uint32_t> random,
                    const QuantizeScaling& scaling, std::span<std::uint32_t> out,
                    QuantizeCounts& counts) {
  std::size_t done = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    done = with_avx2(x.data(), random.data(), x.size(), scaling, out.data(), counts);
#endif
  plain(x.data() + done, random.data() + done, x.size() - done, scaling, out.data() + done, counts);
}

}  // namespace fennec
