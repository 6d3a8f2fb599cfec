#include "aggregation/product_aggregator.h"

namespace fennec {
namespace {

/// FlexLoRA (Bai et al., arXiv 2402.11505): Σ pₖBₖAₖ, factored anew by its singular values: the best
/// adapter of each rank, balanced, the product never formed. `energy` chooses the rank as FLoRIST does
/// (arXiv 2506.09199).
CombinedAdapter combine(const AdapterSet& set, const RuleRequest& request) {
  return redistribute_all(set, set.weights(), request);
}

}  // namespace

StrategyParts flexlora_parts() {
  return {[](const StrategyTraits& traits, const AggregationConfig& config) {
            return make_product_aggregator(traits, config, combine, /*realigns=*/true);
          },
          combine};
}

}  // namespace fennec
