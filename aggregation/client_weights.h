#pragma once
#include <memory>
#include <vector>

#include "aggregation/aggregator.h"
#include "aggregation/factored.h"
#include "aggregation/registry.h"

namespace fennec {

/// A robust rule that weighs whole clients: β from the updates' Gram matrix and the clients' own
/// weights p. The result Σ βₖ·updateₖ; Σβ ≤ 1.
using WeightRule = std::vector<double> (*)(const Matrix& gram, const std::vector<double>& p,
                                           const RuleConfig& rule);

/// For a live run: β from the updates' products with the base's taken off (or the flat updates, where a
/// layout has no factor pairs or only one half travels), applied to the deltas of the factors.
std::unique_ptr<Aggregator> make_weighing_aggregator(const StrategyTraits& traits,
                                                     const AggregationConfig& config, WeightRule rule);

/// On adapters: β from the products themselves, the sum redistributed to the largest rank of the set.
CombinedAdapter weigh_adapters(const AdapterSet& set, const RuleRequest& request, WeightRule rule);

/// Both, as the parts of a strategy.
template <WeightRule Rule>
StrategyParts weighing_parts() {
  return {[](const StrategyTraits& traits, const AggregationConfig& config) {
            return make_weighing_aggregator(traits, config, Rule);
          },
          [](const AdapterSet& set, const RuleRequest& request) {
            return weigh_adapters(set, request, Rule);
          }};
}

/// Krum's score of each client: the sum of its squared distances to the n − f − 2 nearest others, at
/// least one (Blanchard et al., NeurIPS 2017).
std::vector<double> krum_scores(const Matrix& distances, int byzantine);

/// The positions of the `count` lowest scores; ties go to the lower position.
std::vector<std::size_t> lowest(const std::vector<double>& scores, std::size_t count);

/// Equal weights on the half (rounded up) of the clients that Krum's scores prefer: where iterations
/// start that a far-off attacker would otherwise hold for long.
std::vector<double> best_half(const Matrix& gram);

/// √(bᵀGb − 2(Gb)ᵢ + Gᵢᵢ) for each i: distances of the clients to Σ bₖxₖ.
Vector distances_to(const Matrix& gram, const Vector& b);

/// Norms √Gᵢᵢ, and the factors min(1, radius/norm); radius 0 = the median norm.
struct Clipping {
  double radius = 0;
  std::vector<double> factors;
};
Clipping clip_to_median(const Matrix& gram, double radius);
double median_of(std::vector<double> values);  ///< of an even number: the mean of the middle two

}  // namespace fennec
