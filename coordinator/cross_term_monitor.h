#pragma once
#include <optional>
#include <vector>

#include "aggregation/adapter_set.h"
#include "core/parameter_set.h"

namespace fennec {

/// How much of a round's mean update the mean of the factors misses (aggregation/figures.h): watched
/// while the updates are folded. Only where both factors of LoRA pairs travel, and while the updates
/// together stay below 2²⁵ parameters: it keeps them.
class CrossTermMonitor {
 public:
  CrossTermMonitor(const ParameterSet& base, std::size_t clients);
  void add(const ParameterSet& delta, std::int64_t supervised_tokens);
  void drop_last();
  double finish();  ///< NaN when it was not watched

 private:
  std::optional<std::vector<FactorPair>> pairs_;
  std::vector<Factors> start_;
  AdapterSet set_;
};

}  // namespace fennec
