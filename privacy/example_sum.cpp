#include "privacy/example_sum.h"

#include <utility>

#include "privacy/clip.h"
#include "privacy/discrete_noise.h"

namespace fennec {

ExampleSum::ExampleSum(const ExampleDpConfig& config, std::size_t examples, std::size_t values,
                       RandomSource& random)
    : config_(config),
      examples_(examples),
      random_(random),
      sum_(NoiseGrid(config.noise_multiplier * config.clip_norm), values) {
  FENNEC_CHECK(config.is_on() && config.clip_norm > 0 && config.batch_examples >= 1);
}

std::vector<std::size_t> ExampleSum::draw() {
  RandomBytes bytes(random_);
  const auto joining = static_cast<std::size_t>(config_.batch_examples);
  std::vector<std::size_t> batch;
  for (std::size_t i = 0; i < examples_; ++i)
    if (uniform_below(bytes, examples_) < joining) batch.push_back(i);
  return batch;
}

Result<void> ExampleSum::add(std::span<float> gradient) {
  const Result<ClipReport> clipped = clip_l2(gradient, config_.clip_norm);
  if (!clipped) return tl::unexpected<Error>(clipped.error());
  sum_.add(gradient);
  return {};
}

void ExampleSum::release(std::span<float> mean) && {
  std::move(sum_).release(random_, config_.batch_examples, mean);
}

}  // namespace fennec
