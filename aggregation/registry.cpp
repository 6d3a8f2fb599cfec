#include "aggregation/registry.h"

#include "core/params.h"

namespace fennec {
namespace {

template <class Maker>
struct Entry {
  const char* name;
  Maker make;
};

using ServerOptimizerMaker = std::unique_ptr<ServerOptimizer> (*)(const AggregationConfig&);
using PartsMaker = StrategyParts (*)();

#define FENNEC_ENTRY(name, ...) {#name, name##_parts},
constexpr Entry<PartsMaker> kStrategies[] = {FENNEC_STRATEGIES(FENNEC_ENTRY)};
#undef FENNEC_ENTRY
#define FENNEC_ENTRY(name) {#name, make_##name},
constexpr Entry<ServerOptimizerMaker> kServerOptimizers[] = {FENNEC_SERVER_OPTIMIZERS(FENNEC_ENTRY)};
#undef FENNEC_ENTRY

template <class Maker, std::size_t N>
std::vector<std::string> names_of(const Entry<Maker> (&table)[N]) {
  std::vector<std::string> out;
  for (const auto& entry : table) out.emplace_back(entry.name);
  return out;
}

template <class Maker, std::size_t N>
Maker find(const Entry<Maker> (&table)[N], const std::string& key, std::string_view name) {
  for (const auto& entry : table)
    if (name == entry.name) return entry.make;
  throw ConfigError(unknown_name(key, name, names_of(table)));
}

}  // namespace

Strategy strategy_named(std::string_view name, const std::string& key) {
  const StrategyParts parts = find(kStrategies, key, name)();
  return {*find_strategy(name), parts};
}

std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config) {
  const bool robust = !config.robust.empty();
  const std::string key = robust ? "aggregation.robust" : "aggregation.strategy";
  const Strategy found = strategy_named(robust ? config.robust : config.strategy, key);
  if (found.parts.aggregator == nullptr)
    throw ConfigError(key + ": " + std::string(found.traits.name) +
                      " cannot run live: " + std::string(found.traits.not_live));
  return found.parts.aggregator(found.traits, config);
}

std::unique_ptr<ServerOptimizer> make_server_optimizer(const AggregationConfig& config) {
  return find(kServerOptimizers, "aggregation.server_optimizer", config.server_optimizer)(config);
}

const std::vector<std::string>& aggregator_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const StrategyTraits& traits : kStrategyTraits)
      if (traits.not_live.empty()) out.emplace_back(traits.name);
    return out;
  }();
  return names;
}
const std::vector<std::string>& server_optimizer_names() {
  static const std::vector<std::string> names = names_of(kServerOptimizers);
  return names;
}

}  // namespace fennec
