#pragma once
#include <cstdint>

#include "privacy/random_source.h"

namespace fennec {

/// Clipping at a quantile of the norms that is itself learnt under DP (Andrew et al. 2021, arXiv
/// 1905.03871).
struct AdaptiveClip {
  double quantile = 0.5;       ///< γ: share of the cohort that should be within the norm
  double learning_rate = 0.2;  ///< η
  double lowest = 1e-4, highest = 1e3;
};

/// Noise multiplier on the vectors such that they and the count of norms within the clip, released
/// together, cost as much as one Gaussian of `noise_multiplier` alone: (z⁻² − (2σ_b)⁻²)^−½.
/// @param count_stddev  σ_b; z < 2σ_b (checked)
double vector_noise_multiplier(double noise_multiplier, double count_stddev);

/// The next norm, from how many of the round's updates were within the current one. The count gets
/// discrete Gaussian noise of std `count_stddev` here; its sensitivity is ½ (each bit counts as ±½).
/// @param expected_cohort  m, the fixed denominator
double next_clip_norm(const AdaptiveClip& rule, double clip_norm, std::int64_t within,
                      std::int64_t beyond, double expected_cohort, double count_stddev,
                      RandomSource& noise);

}  // namespace fennec
