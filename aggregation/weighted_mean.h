#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "aggregation/aggregator.h"
#include "aggregation/exact_sum.h"

namespace fennec {

/// What a weight may depend on, for each client.
struct UpdateFacts {
  ClientId client;
  double supervised_tokens = 0, steps = 0, initial_loss = 0;
  double square_norm = 0;  ///< ‖Δ‖²
  std::int64_t staleness = 0;
};

/// Strategies of the form Δ = numerator/denominator · Σ weight(k)·Δₖ: the updates are folded as they
/// come, in memory of the size of the adapter.
class WeightedMean : public Aggregator {
 public:
  void begin(const ParameterSet& base, RoundId round) override;
  Result<void> accept(Contribution contribution) override;
  Result<ParameterSet> finish() override;

 protected:
  struct Ratio {
    double numerator, denominator;
  };
  virtual Result<double> weight(const UpdateFacts& facts) const = 0;
  virtual Ratio ratio(std::span<const UpdateFacts> ascending) const = 0;  ///< by client
  virtual bool wants_norm() const { return false; }

 private:
  void fold_pending();

  LayoutPtr layout_;
  std::optional<ExactSum> sum_;
  std::vector<Contribution> pending_;  ///< accepted, not yet folded
  std::vector<double> pending_weights_;
  std::vector<UpdateFacts> facts_;
};

/// The mean by supervised tokens: FedAvg, and what other strategies do with the half that travels.
std::unique_ptr<Aggregator> make_token_mean();
double total_tokens(std::span<const UpdateFacts> facts);

}  // namespace fennec
