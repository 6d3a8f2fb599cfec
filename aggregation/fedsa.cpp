#include "aggregation/registry.h"

namespace fennec {
namespace {

/// FedSA-LoRA (Guo et al., arXiv 2410.01463): A is shared and averaged, each client keeps its B. There
/// is no one adapter for all: `personal` holds each client's, and the global one, for a client that is
/// new, takes the mean of the Bs.
CombinedAdapter combine(const AdapterSet& set, const RuleRequest&) {
  require_equal_ranks(set, "fedsa");
  CombinedAdapter out{mean_factors(set), {}, {}};
  for (const ClientAdapter& client : set.clients) {
    std::vector<Factors> own;
    for (std::size_t m = 0; m < set.modules.size(); ++m)
      own.push_back({client.modules[m].b, out.modules[m].a});
    out.personal.push_back(std::move(own));
  }
  out.notes.emplace_back(
      "A is the mean; each client keeps its own B, a new client starts from their mean");
  return out;
}

}  // namespace

StrategyParts fedsa_parts() { return {nullptr, combine}; }

}  // namespace fennec
