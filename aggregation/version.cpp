#include "aggregation/version.h"

#include <utility>
#include <vector>

#include "aggregation/absorption.h"
#include "aggregation/control_variates.h"
#include "aggregation/strategy_config.h"
#include "aggregation/travel.h"
#include "core/adapter_modules.h"

namespace fennec {
namespace {

using Tensors = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

Tensors tensors_of(const ParameterLayout& layout) {
  Tensors out;
  for (const ParameterEntry& entry : layout.entries()) out.emplace_back(entry.name, entry.shape);
  return out;
}

void add_controls(const ParameterLayout& trained, Tensors& tensors) {
  for (const ParameterEntry& entry : trained.entries())
    tensors.emplace_back(control_name(entry.name), entry.shape);
}

void add_branch(const AggregationConfig& config, const ParameterLayout& trained, Tensors& tensors) {
  for (const ParameterEntry& entry : trained.entries()) {
    const std::size_t inner = travels(entry.name, Half::kA) ? 0 : 1;  // A [R, in], B [out, R]
    std::vector<std::int64_t> shape = entry.shape;
    shape[inner] = absorbed_rank(config, shape[inner]);
    tensors.emplace_back(entry.name + std::string(kAbsorbedSuffix), std::move(shape));
  }
}

}  // namespace

bool is_carried(std::string_view tensor) { return is_control(tensor) || is_absorbed(tensor); }

ParameterSet first_version(const AggregationConfig& config, ParameterSet trained) {
  const StrategyTraits* strategy = find_strategy(config.strategy);
  Tensors tensors = tensors_of(*trained.layout());
  if (strategy != nullptr && strategy->combining == Combining::kControlled)
    add_controls(*trained.layout(), tensors);
  if (absorbed_rank(config, 1) > 0) add_branch(config, *trained.layout(), tensors);
  if (tensors.size() == trained.layout()->entries().size()) return trained;
  return scatter(std::move(trained), std::make_shared<const ParameterLayout>(std::move(tensors)));
}

}  // namespace fennec
