#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace fennec {

/// Differential privacy of single training examples, made on the device (DP-SGD):
/// docs/differential_privacy.md.
struct ExampleDpConfig {
  double noise_multiplier = 0;
  double clip_norm = 0;
  int batch_examples = 8;
  double delta = 0;
  double epsilon = 0;

  bool is_on() const { return noise_multiplier > 0; }
  /// q: chance of an example to be in a step.
  double sampling_rate(std::size_t examples) const {
    return std::min(1.0, batch_examples / static_cast<double>(std::max<std::size_t>(examples, 1)));
  }
  /// Steps of a round; an epoch is as many as show each example once on average.
  std::int64_t steps(std::size_t examples, int local_steps, int local_epochs) const {
    if (local_epochs <= 0) return local_steps;
    return static_cast<std::int64_t>(std::ceil(local_epochs / sampling_rate(examples) - 1e-9));
  }
};

template <class Visitor>
void fields(Visitor& v, ExampleDpConfig& c) {
  v("noise_multiplier", c.noise_multiplier,
    "DP-SGD on each device, so that its update tells little of a single example: noise std of a step "
    "over clip_norm; 0 = off");
  v("clip_norm", c.clip_norm, "L2 limit of one example's gradient");
  v("batch_examples", c.batch_examples,
    "examples a step, on average: each joins by itself with probability batch_examples over the "
    "device's examples");
  v("delta", c.delta, "of (epsilon, delta); far below one over a device's examples");
  v("epsilon", c.epsilon, "budget of a device: it trains no round that would exceed it; 0 = no limit");
}

}  // namespace fennec
