#include "aggregation/registry.h"
#include "aggregation/weighted_mean.h"
#include "core/error.h"

namespace fennec {
namespace {

/// RoLoRA (Chen et al., arXiv 2502.01755): B is trained and averaged in odd rounds, A in even ones; as
/// the other factor is common, the product's mean is exact. Of finished adapters the common factor
/// tells which half it was.
CombinedAdapter combine(const AdapterSet& set, const RuleRequest&) {
  require_equal_ranks(set, "rolora");
  const auto other_a = differing_factor(set, Half::kA), other_b = differing_factor(set, Half::kB);
  if (other_a && other_b)
    throw ConfigError(other_a->client + ": " + other_a->module + ".lora_A, and " + other_b->client +
                      ": " + other_b->module + ".lora_B, are not those of " + set.clients[0].name +
                      "; rolora needs one of the two to be common to all");
  CombinedAdapter out{mean_factors(set), {}, {}};
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    if (!other_a) out.modules[m].a = set.clients[0].modules[m].a;
    if (!other_b) out.modules[m].b = set.clients[0].modules[m].b;
  }
  out.notes.emplace_back(other_b ? "averaged B, with A common to all"
                                 : "averaged A, with B common to all");
  return out;
}

}  // namespace

StrategyParts rolora_parts() {
  return {[](const StrategyTraits&, const AggregationConfig&) { return make_token_mean(); }, combine};
}

}  // namespace fennec
