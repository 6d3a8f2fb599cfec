#pragma once
#include "aggregation/adapter_rule.h"
#include "aggregation/aggregator.h"
#include "aggregation/strategy_config.h"

// The only list of server optimizers (those of strategies and codec stages: strategy_config.h,
// codec_config.h). To add one: write aggregation/<name>.cpp with its make_<name>(), name it here and in
// CMakeLists.txt.
#define FENNEC_SERVER_OPTIMIZERS(X) X(sgd) X(fedavgm) X(fedadagrad) X(fedadam) X(fedyogi)

namespace fennec {

/// What a strategy's file gives: how it works within a live run, on finished adapters, or both.
struct StrategyParts {
  std::unique_ptr<Aggregator> (*aggregator)(const StrategyTraits& traits,
                                            const AggregationConfig& config) = nullptr;
  AdapterRule rule = nullptr;
  std::string_view not_on_adapters = "";  ///< why there is no rule
};

struct Strategy {
  const StrategyTraits& traits;
  StrategyParts parts;
};
/// Throws ConfigError that lists what is registered. @param key  begins the message
Strategy strategy_named(std::string_view name, const std::string& key);

#define FENNEC_DECLARE(name, ...) StrategyParts name##_parts();
FENNEC_STRATEGIES(FENNEC_DECLARE)
#undef FENNEC_DECLARE
#define FENNEC_DECLARE(name) \
  std::unique_ptr<ServerOptimizer> make_##name(const AggregationConfig& config);
FENNEC_SERVER_OPTIMIZERS(FENNEC_DECLARE)
#undef FENNEC_DECLARE

}  // namespace fennec
