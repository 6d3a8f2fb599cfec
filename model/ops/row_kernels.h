#pragma once
#include <cstdint>

namespace fennec {

/// The inner loops of the fused operations over raw rows, in SIMD chosen at run time (Highway; NEON by
/// the same code). No tensor library here. Rows are contiguous, every sum is in a fixed order, and no
/// row's result depends on how many rows a call gets.

/// y = x·r·w with r = rsqrt(mean(x²) + epsilon), kept in `scale`.
/// @param x, y [rows, width]  @param weight [width]  @param scale [rows]
void rms_norm_rows(std::int64_t rows, std::int64_t width, const float* x, const float* weight,
                   float epsilon, float* y, float* scale);

/// dx = r·(g∘w − x·r²·mean(g∘w∘x)).
void rms_norm_backward_rows(std::int64_t rows, std::int64_t width, const float* x, const float* weight,
                            const float* scale, const float* grad, float* dx);

/// Rotates the pairs (i, i + half) of one head by the angles; the dimensions from 2·half on are copied.
/// In place too.
/// @param sign  +1 forward, −1 for the gradient  @param in, out [width]  @param cos, sin [half]
void rotate_row(std::int64_t width, std::int64_t half, const float* in, const float* cos,
                const float* sin, float sign, float* out);

/// out = silu(gate)·up, element by element.
void swiglu_row(std::int64_t n, const float* gate, const float* up, float* out);
/// The gradients of silu(gate)·up by gate and by up, from the output's.
void swiglu_backward_row(std::int64_t n, const float* gate, const float* up, const float* grad,
                         float* dgate, float* dup);

float row_max(std::int64_t n, const float* x);
float row_dot(std::int64_t n, const float* x, const float* y);
/// x ← exp(x − shift).  @return its sum
float exp_row(std::int64_t n, float shift, float* x);
void scale_row(std::int64_t n, float scale, float* x);
/// dp ← scale·p∘(dp − mean): the gradient of a softmax row by its input, mean = Σ p∘dp.
void softmax_backward_row(std::int64_t n, const float* p, float mean, float scale, float* dp);

}  // namespace fennec
