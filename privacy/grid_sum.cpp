#include "privacy/grid_sum.h"

#include <cmath>
#include <utility>

#include "core/error.h"

namespace fennec {

namespace {

constexpr int kNoiseBits = 20;

double grid_step(double stddev) {
  FENNEC_CHECK(stddev > 0 && std::isfinite(stddev));
  int exponent = 0;
  std::frexp(stddev, &exponent);  // stddev in [2^(exponent−1), 2^exponent)
  return std::ldexp(1.0, exponent - 1 - kNoiseBits);
}

std::uint64_t square(std::int64_t value) {
  return static_cast<std::uint64_t>(value) * static_cast<std::uint64_t>(value);
}

}  // namespace

NoiseGrid::NoiseGrid(double stddev)
    : step_(grid_step(stddev)),
      stddev_points_(static_cast<std::int64_t>(std::ceil(stddev / step_))),
      gaussian_(square(stddev_points_)) {}

std::int64_t NoiseGrid::round(float value) const {
  return static_cast<std::int64_t>(std::trunc(static_cast<double>(value) / step_));
}

void GridSum::add(std::span<const float> clipped) {
  FENNEC_CHECK(clipped.size() == sums_.size());
  for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] += grid_.round(clipped[i]);
}

void GridSum::release(RandomSource& noise, double divisor, std::span<float> out) && {
  FENNEC_CHECK(out.size() == sums_.size() && divisor > 0);
  RandomBytes bytes(noise);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] =
        static_cast<float>(static_cast<double>(sums_[i] + grid_.draw(bytes)) * grid_.step() / divisor);
  sums_ = {};
}

void add_grid_noise(std::span<float> values, double stddev, RandomSource& noise) {
  GridSum sum(NoiseGrid(stddev), values.size());
  sum.add(values);
  std::move(sum).release(noise, 1, values);
}

}  // namespace fennec
