#include "aggregation/registry.h"
#include "aggregation/weighted_mean.h"

namespace fennec {
namespace {

/// FedNova (Wang et al., arXiv 2007.07481) with ‖aₖ‖₁ = τₖ, the client's local steps (exact for SGD,
/// the usual heuristic for Adam): Δ = τ_eff · Σ pₖΔₖ/τₖ, τ_eff = Σ pₖτₖ. A client that makes more steps
/// does not count for more because of it.
class FedNova final : public WeightedMean {
  Result<double> weight(const UpdateFacts& facts) const override {
    if (facts.steps <= 0)
      return fail(ErrorCode::kMalformed,
                  "the update of '" + facts.client.name + "' does not say how many steps it took");
    return facts.supervised_tokens / facts.steps;
  }
  Ratio ratio(std::span<const UpdateFacts> facts) const override {
    double token_steps = 0;
    for (const UpdateFacts& f : facts) token_steps += f.supervised_tokens * f.steps;
    const double tokens = total_tokens(facts);
    return {token_steps / tokens, tokens};
  }
};

}  // namespace

StrategyParts fednova_parts() {
  return {[](const StrategyTraits&, const AggregationConfig&) -> std::unique_ptr<Aggregator> {
            return std::make_unique<FedNova>();
          },
          nullptr, "an adapter does not say how many steps made it"};
}

}  // namespace fennec
