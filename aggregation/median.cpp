#include "aggregation/coordinate_rule.h"

namespace fennec {
namespace {

/// The median of each coordinate (Yin et al., arXiv 1803.01498); of an even number, the mean of the
/// middle two.
double middle(const float* sorted, std::size_t stride, std::size_t count, const RuleConfig&) {
  const auto at = [&](std::size_t k) { return static_cast<double>(sorted[k * stride]); };
  return count % 2 != 0 ? at(count / 2) : (at(count / 2 - 1) + at(count / 2)) / 2;
}

}  // namespace

StrategyParts median_parts() {
  return {[](const StrategyTraits& traits, const AggregationConfig& config) {
            return make_coordinate_aggregator(traits, config, middle, nullptr);
          },
          [](const AdapterSet& set, const RuleRequest& request) {
            return combine_coordinates(set, request, "median", middle, nullptr);
          }};
}

}  // namespace fennec
