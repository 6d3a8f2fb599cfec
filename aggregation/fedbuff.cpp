#include <cmath>

#include "aggregation/registry.h"
#include "aggregation/weighted_mean.h"

namespace fennec {
namespace {

/// FedBuff (Nguyen et al., arXiv 2106.06639): Δ = 1/K · Σ s(τₖ)·Δₖ over the K updates of a buffer, with
/// s(τ) = 1/√(1 + τ) and τ the versions that were committed while client k trained. Clients count
/// alike, however much data they have; without staleness it is their plain mean.
class FedBuff final : public WeightedMean {
  Result<double> weight(const UpdateFacts& facts) const override {
    return 1 / std::sqrt(1 + static_cast<double>(facts.staleness));
  }
  Ratio ratio(std::span<const UpdateFacts> facts) const override {
    return {1, static_cast<double>(facts.size())};
  }
};

}  // namespace

StrategyParts fedbuff_parts() {
  return {[](const StrategyTraits&, const AggregationConfig&) -> std::unique_ptr<Aggregator> {
            return std::make_unique<FedBuff>();
          },
          nullptr, "an adapter does not say how stale it is"};
}

}  // namespace fennec
