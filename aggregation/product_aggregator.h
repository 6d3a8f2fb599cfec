#pragma once
#include "aggregation/aggregator.h"
#include "aggregation/registry.h"

namespace fennec {

/// A rule on whole adapters in a live run: it combines base + delta of each client, and the delta is
/// from the base to its result, brought into the base's gauge when `realigns` (rules that factor the
/// product anew). When all clients hold the same adapter, that is the result.
std::unique_ptr<Aggregator> make_product_aggregator(const StrategyTraits& traits,
                                                    const AggregationConfig& config, AdapterRule rule,
                                                    bool realigns);

}  // namespace fennec
