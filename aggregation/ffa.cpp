#include "aggregation/registry.h"
#include "aggregation/weighted_mean.h"
#include "core/error.h"

namespace fennec {
namespace {

/// FFA-LoRA (Sun et al., arXiv 2403.12313): A stays what the seed made it, B is averaged; the product's
/// mean is then exact.
CombinedAdapter combine(const AdapterSet& set, const RuleRequest&) {
  require_equal_ranks(set, "ffa");
  if (const auto differs = differing_factor(set, Half::kA))
    throw ConfigError(differs->client + ": " + differs->module + ".lora_A is not that of " +
                      set.clients[0].name + "; ffa needs one A for all");
  CombinedAdapter out{mean_factors(set), {}, {}};
  for (std::size_t m = 0; m < set.modules.size(); ++m) out.modules[m].a = set.clients[0].modules[m].a;
  return out;
}

}  // namespace

StrategyParts ffa_parts() {
  return {[](const StrategyTraits&, const AggregationConfig&) { return make_token_mean(); }, combine};
}

}  // namespace fennec
