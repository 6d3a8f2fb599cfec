#include "core/parameter_math.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "core/error.h"

namespace fennec {

void axpy(float a, std::span<const float> x, std::span<float> y) {
  FENNEC_CHECK(x.size() == y.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] += a * x[i];
}

void scale(float a, std::span<float> x) {
  for (float& value : x) value *= a;
}

void subtract(std::span<const float> a, std::span<const float> b, std::span<float> out) {
  FENNEC_CHECK(a.size() == b.size() && a.size() == out.size());
  for (std::size_t i = 0; i < a.size(); ++i) out[i] = a[i] - b[i];
}

double l2_norm(std::span<const float> x) {
  // Eight running sums: the compiler may keep them in one register without changing the order of any
  // addition.
  constexpr std::size_t kLanes = 8;
  std::array<double, kLanes> sums{};
  const std::size_t whole = x.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = x[i + lane];
      sums[lane] += value * value;
    }
  double total = 0;
  for (const double sum : sums) total += sum;
  for (std::size_t i = whole; i < x.size(); ++i) total += static_cast<double>(x[i]) * x[i];
  return std::sqrt(total);
}

bool all_finite(std::span<const float> x) {
  constexpr std::uint32_t kExponent = 0x7f800000u;
  std::uint32_t bad = 0;
  for (const float value : x)
    bad |= (std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent ? 1u : 0u;
  return bad == 0;
}

}  // namespace fennec
