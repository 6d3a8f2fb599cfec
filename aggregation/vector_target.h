#pragma once

// Hot loops are compiled twice where that pays: as they are, and for AVX2; which one runs is decided
// when the program starts. AVX2 alone, without FMA: both give the same bits.
#if defined(__x86_64__) && defined(__GNUC__)
#define FENNEC_HAS_AVX2_CLONES 1
#define FENNEC_AVX2 __attribute__((target("avx2")))
#else
#define FENNEC_HAS_AVX2_CLONES 0
#define FENNEC_AVX2
#endif
#define FENNEC_INLINE inline __attribute__((always_inline))

namespace fennec {

inline bool cpu_has_avx2() {
#if FENNEC_HAS_AVX2_CLONES
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
#else
  return false;
#endif
}

}  // namespace fennec
