#include "aggregation/registry.h"

#include "core/params.h"

namespace fennec {
namespace {

template <class Maker>
struct Entry {
  const char* name;
  Maker make;
};

using AggregatorMaker = std::unique_ptr<Aggregator> (*)(const AggregationConfig&);
using ServerOptimizerMaker = std::unique_ptr<ServerOptimizer> (*)(const AggregationConfig&);
using CodecMaker = std::unique_ptr<UpdateCodec> (*)();

#define FENNEC_ENTRY(name) {#name, make_##name},
constexpr Entry<AggregatorMaker> kAggregators[] = {FENNEC_AGGREGATORS(FENNEC_ENTRY)};
constexpr Entry<ServerOptimizerMaker> kServerOptimizers[] = {FENNEC_SERVER_OPTIMIZERS(FENNEC_ENTRY)};
constexpr Entry<CodecMaker> kCodecs[] = {FENNEC_CODECS(FENNEC_ENTRY)};
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
  const std::vector<std::string> names = names_of(table);
  std::string known;
  for (const std::string& each : names) known += (known.empty() ? "" : ", ") + each;
  const std::string close = closest_name(name, names);
  throw ConfigError("unknown " + key + " '" + std::string(name) + "'" +
                    (close.empty() ? "" : "; did you mean '" + close + "'?") + "; known: " + known);
}

}  // namespace

std::unique_ptr<Aggregator> make_aggregator(const AggregationConfig& config) {
  return find(kAggregators, "aggregation.strategy", config.strategy)(config);
}
std::unique_ptr<ServerOptimizer> make_server_optimizer(const AggregationConfig& config) {
  return find(kServerOptimizers, "aggregation.server_optimizer", config.server_optimizer)(config);
}
std::unique_ptr<UpdateCodec> make_codec(std::string_view name) {
  return find(kCodecs, "aggregation.codec", name)();
}

const std::vector<std::string>& aggregator_names() {
  static const std::vector<std::string> names = names_of(kAggregators);
  return names;
}
const std::vector<std::string>& server_optimizer_names() {
  static const std::vector<std::string> names = names_of(kServerOptimizers);
  return names;
}
const std::vector<std::string>& codec_names() {
  static const std::vector<std::string> names = names_of(kCodecs);
  return names;
}

}  // namespace fennec
