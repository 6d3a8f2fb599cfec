#include "aggregation/moments.h"
#include "aggregation/registry.h"

namespace fennec {
namespace {

/// v ← v + Δ², β₁ = 0.
class FedAdagrad final : public AdaptiveOptimizer {
 public:
  explicit FedAdagrad(const AggregationConfig& config) : AdaptiveOptimizer("fedadagrad", 0, config) {}

 private:
  double second_moment(double v, double square) const override { return v + square; }
};

}  // namespace

std::unique_ptr<ServerOptimizer> make_fedadagrad(const AggregationConfig& config) {
  return std::make_unique<FedAdagrad>(config);
}

}  // namespace fennec
