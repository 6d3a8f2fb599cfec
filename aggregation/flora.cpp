#include "aggregation/registry.h"

namespace fennec {
namespace {

/// FLoRA (Wang et al., arXiv 2409.05976): B = [B₁ … B_K], A = [p₁A₁; …; p_KA_K], so that BA = Σ pₖBₖAₖ
/// exactly, of rank Σ rₖ whatever the clients' ranks are. Weights stand on one side only.
CombinedAdapter combine(const AdapterSet& set, const RuleRequest& request) {
  const std::vector<double> weights = set.weights();
  if (request.rank > 0 || request.energy > 0) return redistribute_all(set, weights, request);
  CombinedAdapter out;
  for (std::size_t m = 0; m < set.modules.size(); ++m)
    out.modules.push_back(stack(set.of_module(m), weights));
  return out;
}

}  // namespace

StrategyParts flora_parts() { return {nullptr, combine}; }

}  // namespace fennec
