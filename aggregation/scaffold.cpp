#include <algorithm>

#include "aggregation/contribution_checks.h"
#include "aggregation/control_variates.h"
#include "aggregation/registry.h"
#include "aggregation/weighted_mean.h"

namespace fennec {
namespace {

/// SCAFFOLD (Karimireddy et al., arXiv 1910.06378), as control_variates.h puts it: the plain mean of
/// the updates, clients counting alike, and d ← d + 1/N·Σₖ(−d − Δₖ/τₖ). An update's control tensors are
/// filled with −Δₖ/τₖ and averaged with it. Over a layout without control tensors it is the mean alone.
class Scaffold final : public WeightedMean {
 public:
  explicit Scaffold(int population) : population_(population) {}

  void begin(const ParameterSet& base, RoundId round) override {
    base_ = &base;
    accepted_ = 0;
    WeightedMean::begin(base, round);
  }

  Result<void> accept(Contribution contribution) override {
    FENNEC_CHECK(base_ != nullptr, "begin() comes first");
    if (Result<void> good = check_contribution(*base_->layout(), contribution); !good) return good;
    if (contribution.steps <= 0)
      return fail(ErrorCode::kMalformed, "the update of '" + contribution.client.name +
                                             "' does not say how many steps it took");
    fill_controls(contribution.delta, contribution.steps);
    const Result<void> taken = WeightedMean::accept(std::move(contribution));
    if (taken) ++accepted_;
    return taken;
  }

  Result<ParameterSet> finish() override {
    Result<ParameterSet> mean = WeightedMean::finish();
    if (!mean) return mean;
    const double share = static_cast<double>(accepted_) / population_;
    for (const ParameterEntry& entry : mean->layout()->entries()) {
      if (!is_control(entry.name)) continue;
      const std::span<const float> d = base_->values(entry);
      const std::span<float> move = mean->values(entry);
      for (std::size_t i = 0; i < d.size(); ++i)
        move[i] =
            static_cast<float>(share * (static_cast<double>(move[i]) - static_cast<double>(d[i])));
    }
    return mean;
  }

 private:
  Result<double> weight(const UpdateFacts&) const override { return 1; }
  Ratio ratio(std::span<const UpdateFacts> facts) const override {
    return {1, static_cast<double>(facts.size())};
  }

  int population_;
  const ParameterSet* base_ = nullptr;
  int accepted_ = 0;
};

}  // namespace

StrategyParts scaffold_parts() {
  return {[](const StrategyTraits&, const AggregationConfig& config) -> std::unique_ptr<Aggregator> {
            return std::make_unique<Scaffold>(std::max(config.rule.population, 1));
          },
          nullptr, "an adapter does not say how many steps made it"};
}

}  // namespace fennec
