#include "client/example_noise.h"

#include <utility>

namespace fennec {

ExampleNoise::ExampleNoise(const ExampleDpConfig& config, const TrainConfig& train,
                           std::size_t examples, std::optional<Seed> seed)
    : config_(config), train_(train), examples_(examples), seed_(seed) {}

std::int64_t ExampleNoise::total_steps() const {
  return config_.steps(examples_, train_.local_steps, train_.local_epochs);
}

std::vector<std::size_t> ExampleNoise::begin(std::int64_t step, std::size_t values) {
  if (seed_)
    random_ =
        std::make_unique<SeededRandom>(seed_->child("example_noise", static_cast<std::uint64_t>(step)));
  else
    random_ = std::make_unique<SystemRandom>();
  sum_.emplace(config_, examples_, values, *random_);
  return sum_->draw();
}

Result<void> ExampleNoise::add(std::span<float> gradient) { return sum_->add(gradient); }

void ExampleNoise::release(std::span<float> gradient) {
  FENNEC_CHECK(sum_.has_value(), "begin() comes first");
  std::move(*sum_).release(gradient);
  sum_.reset();
}

}  // namespace fennec
