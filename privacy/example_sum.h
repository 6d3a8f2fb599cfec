#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "core/error.h"
#include "privacy/example_dp_config.h"
#include "privacy/grid_sum.h"
#include "privacy/random_source.h"

namespace fennec {

/// One step of DP-SGD (Abadi et al. 2016, arXiv 1607.00133; Mironov, Talwar, Zhang 2019): who is in it,
/// and the noised sum of their gradients. Adding or removing an example changes the sum by clip_norm at
/// most, exactly: it is one of integers on the noise's grid. Not thread-safe.
class ExampleSum {
 public:
  /// @param examples  of the device  @param values  of a gradient  @param random  outlives it
  ExampleSum(const ExampleDpConfig& config, std::size_t examples, std::size_t values,
             RandomSource& random);

  /// Indices below `examples`, each drawn by itself with probability q, ascending; often fewer or more
  /// than batch_examples, and none at all now and then.
  std::vector<std::size_t> draw();
  /// Clips the gradient in place and adds it. kNumeric when it is not finite; nothing is added then.
  Result<void> add(std::span<float> gradient);
  /// (Σ + noise)/batch_examples, whoever was there. Consumes the sum.
  void release(std::span<float> mean) &&;

 private:
  ExampleDpConfig config_;
  std::size_t examples_;
  RandomSource& random_;
  GridSum sum_;
};

}  // namespace fennec
