#include "aggregation/coordinate_rule.h"

namespace fennec {
namespace {

/// The mean of each coordinate without its ⌊trim·n⌋ lowest and as many highest values (Yin et al.,
/// arXiv 1803.01498).
double trimmed(const float* sorted, std::size_t stride, std::size_t count, const RuleConfig& rule) {
  const auto cut = static_cast<std::size_t>(rule.trim * static_cast<double>(count));
  double sum = static_cast<double>(sorted[cut * stride]);
  for (std::size_t k = cut + 1; k < count - cut; ++k) sum += static_cast<double>(sorted[k * stride]);
  return sum / static_cast<double>(count - 2 * cut);
}

}  // namespace

StrategyParts trimmedmean_parts() {
  return {[](const StrategyTraits& traits, const AggregationConfig& config) {
            return make_coordinate_aggregator(traits, config, trimmed, nullptr);
          },
          [](const AdapterSet& set, const RuleRequest& request) {
            return combine_coordinates(set, request, "trimmedmean", trimmed, nullptr);
          }};
}

}  // namespace fennec
