#pragma once
#include <memory>
#include <span>
#include <vector>

#include "aggregation/aggregator.h"
#include "aggregation/registry.h"

namespace fennec {

/// A rule that looks at each coordinate by itself: from its values, ascending and at least one, to one.
using CoordinateRule = double (*)(const float* sorted, std::size_t stride, std::size_t count,
                                  const RuleConfig& rule);

/// Applies the rule to every coordinate of vectors of one length. The values are sorted by a network of
/// comparisons, many coordinates side by side.
void apply_rule(std::span<const std::span<const float>> vectors, const RuleConfig& rule,
                CoordinateRule coordinate, std::span<float> out);

/// Which vectors enter, before the coordinates are looked at: all of them, or Bulyan's selection.
/// @return positions, ascending
using SelectionRule = std::vector<std::size_t> (*)(std::span<const std::span<const float>> vectors,
                                                   const RuleConfig& rule);

/// For a live run, on the flat deltas; and on adapters, on A and B as they are.
std::unique_ptr<Aggregator> make_coordinate_aggregator(const StrategyTraits& traits,
                                                       const AggregationConfig& config,
                                                       CoordinateRule coordinate,
                                                       SelectionRule selection);
CombinedAdapter combine_coordinates(const AdapterSet& set, const RuleRequest& request,
                                    const char* strategy, CoordinateRule coordinate,
                                    SelectionRule selection);

}  // namespace fennec
