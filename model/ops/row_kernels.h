#pragma once
#include <cstdint>

namespace fennec {

/// The inner loops of RMSNorm and of the rotary embedding over raw rows: no tensor library, so that
/// they compile with their own optimisation flags. Rows are contiguous; every sum is in a fixed order.

/// y = x·r·w with r = rsqrt(mean(x²) + epsilon), kept in `scale`.
/// @param x, y [rows, width]  @param weight [width]  @param scale [rows]
void rms_norm_rows(std::int64_t rows, std::int64_t width, const float* x, const float* weight,
                   float epsilon, float* y, float* scale);

/// dx = r·(g∘w − x·r²·mean(g∘w∘x)).
void rms_norm_backward_rows(std::int64_t rows, std::int64_t width, const float* x, const float* weight,
                            const float* scale, const float* grad, float* dx);

/// Rotates the pairs (i, i + half) of one head by the angles; the dimensions from 2·half on are copied.
/// @param sign  +1 forward, −1 for the gradient  @param in, out [width]  @param cos, sin [half]
void rotate_row(std::int64_t width, std::int64_t half, const float* in, const float* cos,
                const float* sin, float sign, float* out);

}  // namespace fennec
