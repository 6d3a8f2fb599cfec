#pragma once
#include <memory>
#include <optional>

#include "configs/experiment.h"
#include "lora/example_privacy.h"
#include "privacy/example_sum.h"

namespace fennec {

/// Example-level differential privacy of one round on one device, for the trainer. The noise is drawn
/// from the operating system, or, for simulations, from a seed: then each step has a stream of its own,
/// and a resumed training goes on with the same noise. Not thread-safe.
class ExampleNoise final : public ExamplePrivacy {
 public:
  /// @param seed  nothing: noise that protects
  ExampleNoise(const ExampleDpConfig& config, const TrainConfig& train, std::size_t examples,
               std::optional<Seed> seed);

  std::int64_t total_steps() const override;
  std::vector<std::size_t> begin(std::int64_t step, std::size_t values) override;
  Result<void> add(std::span<float> gradient) override;
  void release(std::span<float> gradient) override;

 private:
  ExampleDpConfig config_;
  const TrainConfig& train_;
  std::size_t examples_;
  std::optional<Seed> seed_;
  std::unique_ptr<RandomSource> random_;
  std::optional<ExampleSum> sum_;  ///< of the step under way
};

}  // namespace fennec
