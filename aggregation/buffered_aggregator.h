#pragma once
#include <vector>

#include "aggregation/aggregator.h"

namespace fennec {

/// Strategies that look at the updates one by one: they are kept until the round ends, then combined in
/// ascending client order.
class BufferedAggregator : public Aggregator {
 public:
  BufferedAggregator(const StrategyTraits& traits, const AggregationConfig& config)
      : traits_(traits), config_(config) {}
  void begin(const ParameterSet& base, RoundId round) override;
  Result<void> accept(Contribution contribution) override;
  Result<ParameterSet> finish() override;

 protected:
  /// @param contributions  at least as many as the strategy needs
  virtual Result<ParameterSet> combine(const ParameterSet& base,
                                       const std::vector<Contribution>& contributions) const = 0;
  const AggregationConfig& config() const { return config_; }

 private:
  const StrategyTraits& traits_;
  AggregationConfig config_;
  const ParameterSet* base_ = nullptr;
  std::vector<Contribution> contributions_;
};

/// pₖ ∝ supervised tokens, none counted with more than `cap` × their median (0 = no cap): a weight is
/// what a client says of itself.
std::vector<double> token_weights(const std::vector<Contribution>& contributions, double cap = 0);

/// Σ weightₖ·Δₖ / Σ of the weights `denominator` tells, exact in the sums.
ParameterSet weighted_sum(const std::vector<Contribution>& contributions,
                          const std::vector<double>& weights, double denominator);

}  // namespace fennec
