#pragma once
#include <cstdint>

namespace fennec {

/// The constants of one AdamW step (arXiv 1711.05101) in the arithmetic of torch.optim.AdamW.
struct AdamWScales {
  float beta1, beta2, one_minus_beta1, one_minus_beta2;
  float decay;          ///< 1 − lr·weight_decay
  float step_size;      ///< lr / (1 − beta1^t)
  float inverse_bias2;  ///< 1 / √(1 − beta2^t)
  float epsilon;
};

/// w, m and v after a step with gradient g, in SIMD chosen at run time.
void adamw_row(std::int64_t n, const AdamWScales& scales, const float* g, float* w, float* m, float* v);

/// Σ x², summed in double.
double sum_of_squares(std::int64_t n, const float* x);

}  // namespace fennec
