#include <vector>

#include "aggregation/registry.h"
#include "core/parameter_math.h"

namespace fennec {
namespace {

/// FedAvg (McMahan et al., arXiv 1602.05629): Δ = Σ n_k·Δ_k / Σ n_k, with n_k the supervised tokens
/// that client k trained on. Sums are double: a lone client's delta, or identical ones, come out bit
/// for bit.
class FedAvg final : public Aggregator {
 public:
  void begin(const LayoutPtr& layout, RoundId) override {
    layout_ = layout;
    sums_.clear();
    weight_sum_ = 0;
  }

  Result<void> accept(const Contribution& contribution) override {
    FENNEC_CHECK(layout_ != nullptr, "begin() comes first");
    if (contribution.delta.empty() || *contribution.delta.layout() != *layout_)
      return fail(ErrorCode::kMismatch,
                  "the update of '" + contribution.client.name + "' has another layout");
    if (contribution.supervised_tokens <= 0)
      return fail(ErrorCode::kMalformed,
                  "the update of '" + contribution.client.name + "' has no supervised tokens");
    const std::span<const float> delta = contribution.delta.values();
    if (!all_finite(delta))
      return fail(ErrorCode::kNumeric,
                  "the update of '" + contribution.client.name + "' is not finite");
    const double weight = static_cast<double>(contribution.supervised_tokens);
    if (sums_.empty()) {  // assigned, not added to 0: keeps the sign of −0
      sums_.resize(delta.size());
      for (std::size_t i = 0; i < delta.size(); ++i) sums_[i] = weight * static_cast<double>(delta[i]);
    } else {
      for (std::size_t i = 0; i < delta.size(); ++i) sums_[i] += weight * static_cast<double>(delta[i]);
    }
    weight_sum_ += weight;
    return {};
  }

  ParameterSet finish() override {
    FENNEC_CHECK(weight_sum_ > 0, "finish() without a contribution");
    ParameterSet mean(layout_);
    const std::span<float> out = mean.values();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(sums_[i] / weight_sum_);
    layout_.reset();
    sums_ = {};
    weight_sum_ = 0;
    return mean;
  }

 private:
  LayoutPtr layout_;
  std::vector<double> sums_;  ///< Σ n_k·Δ_k, one a parameter
  double weight_sum_ = 0;     ///< Σ n_k
};

}  // namespace

std::unique_ptr<Aggregator> make_fedavg(const AggregationConfig&) { return std::make_unique<FedAvg>(); }

}  // namespace fennec
