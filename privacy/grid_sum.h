#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "privacy/discrete_noise.h"

namespace fennec {

/// The grid that clipped vectors are rounded to before noise is added: a power of two, so fine that the
/// noise is about 2²⁰ grid points wide. Noise on a grid is exact where floating-point noise is not.
class NoiseGrid {
 public:
  /// @param stddev  of the noise, in units of the vectors; above 0
  explicit NoiseGrid(double stddev);
  double step() const { return step_; }
  std::int64_t stddev_points() const { return stddev_points_; }  ///< rounded up: never less noise

  /// Towards zero, so that no norm grows: a vector clipped to C stays within C.
  std::int64_t round(float value) const;
  std::int64_t draw(RandomBytes& bytes) const { return gaussian_(bytes); }

 private:
  double step_;
  std::int64_t stddev_points_;
  DiscreteGaussian gaussian_;
};

/// Sum of clipped vectors on the grid, released with discrete Gaussian noise on every coordinate.
class GridSum {
 public:
  GridSum(const NoiseGrid& grid, std::size_t dimension) : grid_(grid), sums_(dimension) {}
  void add(std::span<const float> clipped);
  /// out = (sum + noise)/divisor. Consumes the sum.
  void release(RandomSource& noise, double divisor, std::span<float> out) &&;

 private:
  NoiseGrid grid_;
  std::vector<std::int64_t> sums_;
};

/// Discrete Gaussian noise of this std on a vector of its own: local differential privacy.
void add_grid_noise(std::span<float> values, double stddev, RandomSource& noise);

}  // namespace fennec
