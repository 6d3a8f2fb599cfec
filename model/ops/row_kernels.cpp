#include "model/ops/row_kernels.h"

#include <algorithm>
#include <cmath>

namespace fennec {
namespace {

constexpr std::int64_t kLanes = 8;  // independent partial sums, so that the compiler may use SIMD

float sum_of(const float (&lanes)[kLanes]) {
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

float sum_of_squares(const float* a, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += a[i + j] * a[i + j];
  float sum = sum_of(lanes);
  for (; i < n; ++i) sum += a[i] * a[i];
  return sum;
}

float sum_of_products(const float* a, const float* b, const float* c, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += a[i + j] * b[i + j] * c[i + j];
  float sum = sum_of(lanes);
  for (; i < n; ++i) sum += a[i] * b[i] * c[i];
  return sum;
}

}  // namespace

void rms_norm_rows(std::int64_t rows, std::int64_t width, const float* x, const float* weight,
                   float epsilon, float* y, float* scale) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, y += width) {
    const float r = 1.0F / std::sqrt(sum_of_squares(x, width) / static_cast<float>(width) + epsilon);
    scale[row] = r;
    for (std::int64_t i = 0; i < width; ++i) y[i] = x[i] * r * weight[i];
  }
}

void rms_norm_backward_rows(std::int64_t rows, std::int64_t width, const float* x, const float* weight,
                            const float* scale, const float* grad, float* dx) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, grad += width, dx += width) {
    const float r = scale[row],
                c = r * r * r * sum_of_products(x, grad, weight, width) / static_cast<float>(width);
    for (std::int64_t i = 0; i < width; ++i) dx[i] = grad[i] * weight[i] * r - x[i] * c;
  }
}

void rotate_row(std::int64_t width, std::int64_t half, const float* in, const float* cos,
                const float* sin, float sign, float* out) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = in[i], b = in[i + half], c = cos[i], s = sign * sin[i];
    out[i] = a * c - b * s;
    out[i + half] = b * c + a * s;
  }
  std::copy(in + 2 * half, in + width, out + 2 * half);
}

}  // namespace fennec
