#include "aggregation/registry.h"
#include "aggregation/weighted_mean.h"

namespace fennec {
namespace {

/// FedAvg (McMahan et al., arXiv 1602.05629): Δ = Σ nₖ·Δₖ / Σ nₖ, with nₖ the supervised tokens that
/// client k trained on. A lone client's delta, or identical ones, come out bit for bit.
class FedAvg final : public WeightedMean {
  Result<double> weight(const UpdateFacts& facts) const override { return facts.supervised_tokens; }
  Ratio ratio(std::span<const UpdateFacts> facts) const override { return {1, total_tokens(facts)}; }
};

/// FedIT (Zhang et al., arXiv 2305.05644): A and B averaged each on its own. Σ pₖBₖ · Σ pₖAₖ differs
/// from Σ pₖBₖAₖ by Σ pₖ(Bₖ − B̄)(Aₖ − Ā).
CombinedAdapter combine(const AdapterSet& set, const RuleRequest&) {
  require_equal_ranks(set, "fedavg");
  return {mean_factors(set), {}, {}};
}

}  // namespace

double total_tokens(std::span<const UpdateFacts> facts) {
  double total = 0;
  for (const UpdateFacts& f : facts) total += f.supervised_tokens;
  return total;
}

std::unique_ptr<Aggregator> make_token_mean() { return std::make_unique<FedAvg>(); }

StrategyParts fedavg_parts() {
  return {[](const StrategyTraits&, const AggregationConfig&) { return make_token_mean(); }, combine};
}

}  // namespace fennec
