#include "aggregation/moments.h"
#include "aggregation/registry.h"

namespace fennec {
namespace {

/// v ← β₂v + (1 − β₂)Δ².
class FedAdam final : public AdaptiveOptimizer {
 public:
  explicit FedAdam(const AggregationConfig& config)
      : AdaptiveOptimizer("fedadam", config.server_momentum, config) {}

 private:
  double second_moment(double v, double square) const override {
    return beta2() * v + (1 - beta2()) * square;
  }
};

}  // namespace

std::unique_ptr<ServerOptimizer> make_fedadam(const AggregationConfig& config) {
  return std::make_unique<FedAdam>(config);
}

}  // namespace fennec
