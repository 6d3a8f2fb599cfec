#include "aggregation/moments.h"
#include "aggregation/registry.h"

namespace fennec {
namespace {

/// v ← v − (1 − β₂)·Δ²·sign(v − Δ²).
class FedYogi final : public AdaptiveOptimizer {
 public:
  explicit FedYogi(const AggregationConfig& config)
      : AdaptiveOptimizer("fedyogi", config.server_momentum, config) {}

 private:
  double second_moment(double v, double square) const override {
    const double sign = v > square ? 1 : v < square ? -1 : 0;
    return v - (1 - beta2()) * square * sign;
  }
};

}  // namespace

std::unique_ptr<ServerOptimizer> make_fedyogi(const AggregationConfig& config) {
  return std::make_unique<FedYogi>(config);
}

}  // namespace fennec
