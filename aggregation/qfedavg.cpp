#include <cmath>

#include "aggregation/registry.h"
#include "aggregation/weighted_mean.h"

namespace fennec {
namespace {

/// q-FedAvg (Li et al., arXiv 1905.10497): clients on whose data the broadcast model does badly count
/// for more. With F the loss of the base version there and L = aggregation.rule.lipschitz:
/// Δ = Σ F^q·Δₖ / Σ (q·F^(q−1)·L·‖Δₖ‖² + F^q). q = 0 is the plain mean.
class QFedAvg final : public WeightedMean {
 public:
  QFedAvg(double q, double lipschitz) : q_(q), lipschitz_(lipschitz) {}

 private:
  bool wants_norm() const override { return true; }

  Result<double> weight(const UpdateFacts& facts) const override {
    if (!(facts.initial_loss >= 0) || !std::isfinite(facts.initial_loss))
      return fail(ErrorCode::kMalformed, "the update of '" + facts.client.name +
                                             "' does not tell the loss that it started from");
    return std::pow(loss(facts), q_);
  }
  Ratio ratio(std::span<const UpdateFacts> facts) const override {
    double sum = 0;
    for (const UpdateFacts& f : facts)
      sum += q_ * std::pow(loss(f), q_ - 1) * lipschitz_ * f.square_norm + std::pow(loss(f), q_);
    return {1, sum};
  }
  static double loss(const UpdateFacts& facts) { return facts.initial_loss + 1e-10; }

  double q_, lipschitz_;
};

}  // namespace

StrategyParts qfedavg_parts() {
  return {[](const StrategyTraits&, const AggregationConfig& config) -> std::unique_ptr<Aggregator> {
            return std::make_unique<QFedAvg>(config.rule.q, config.rule.lipschitz);
          },
          nullptr, "an adapter does not tell the loss that it started from"};
}

}  // namespace fennec
