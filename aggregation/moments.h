#pragma once
#include <string_view>

#include "aggregation/aggregator.h"
#include "aggregation/travel.h"

namespace fennec {

/// Calls move(x, Δ, m, v), each a reference to one float, for every element that travels.
template <class Move>
void for_each_travelling(ParameterSet& adapter, const ParameterSet& delta, ParameterSet& m,
                         ParameterSet& v, Half half, Move move) {
  for (const ParameterEntry& entry : adapter.layout()->entries()) {
    if (!travels(entry.name, half)) continue;
    for (std::size_t i = entry.offset; i < entry.offset + entry.size; ++i)
      move(adapter.values()[i], delta.values()[i], m.values()[i], v.values()[i]);
  }
}

/// The adaptive server optimizers of Reddi et al., arXiv 2003.00295, Algorithm 2: m ← β₁m + (1 − β₁)Δ,
/// v by the optimizer's own rule, x ← x + η·m/(√v + τ). v starts at τ²; no bias correction. Arithmetic
/// in double, moments kept as floats.
class AdaptiveOptimizer : public ServerOptimizer {
 public:
  AdaptiveOptimizer(std::string_view name, double beta1, const AggregationConfig& config);
  void step(ParameterSet& adapter, const ParameterSet& delta, Half half) override;
  std::vector<const ParameterSet*> state() const override;
  Result<void> restore(std::vector<ParameterSet> state) override;

 protected:
  /// The next v, given Δ².
  virtual double second_moment(double v, double square) const = 0;
  double beta2() const { return beta2_; }

 private:
  std::string_view name_;
  double beta1_, beta2_, server_lr_, tau_;
  ParameterSet m_, v_;  ///< empty before the first step
};

}  // namespace fennec
