#pragma once
#include <span>

namespace fennec {

void axpy(float a, std::span<const float> x, std::span<float> y);  ///< y += a·x
void scale(float a, std::span<float> x);                           ///< x *= a
void subtract(std::span<const float> a, std::span<const float> b,
              std::span<float> out);       ///< out = a − b
double l2_norm(std::span<const float> x);  ///< accumulated in double, in a fixed order
bool all_finite(std::span<const float> x);

}  // namespace fennec
