#include <utility>

#include "aggregation/registry.h"
#include "aggregation/travel.h"
#include "core/parameter_math.h"

namespace fennec {
namespace {

/// FedAvgM (Hsu et al., arXiv 1909.06335; in Reddi et al., arXiv 2003.00295): m ← β·m + Δ, x ← x +
/// η_s·m, m₀ = 0. In the long run it moves η_s/(1−β) times Δ.
class FedAvgM final : public ServerOptimizer {
 public:
  FedAvgM(double server_lr, double momentum)
      : server_lr_(static_cast<float>(server_lr)), momentum_(static_cast<float>(momentum)) {}

  void step(ParameterSet& adapter, const ParameterSet& delta, Half half) override {
    FENNEC_CHECK(*adapter.layout() == *delta.layout());
    if (first_moment_.empty()) first_moment_ = ParameterSet(delta.layout());
    FENNEC_CHECK(*first_moment_.layout() == *delta.layout());
    for (const ParameterEntry& entry : adapter.layout()->entries()) {
      if (!travels(entry.name, half)) continue;
      scale(momentum_, first_moment_.values(entry));
      axpy(1.0F, delta.values(entry), first_moment_.values(entry));
      axpy(server_lr_, std::as_const(first_moment_).values(entry), adapter.values(entry));
    }
  }

  std::vector<const ParameterSet*> state() const override {
    if (first_moment_.empty()) return {};
    return {&first_moment_};
  }
  Result<void> restore(std::vector<ParameterSet> state) override {
    if (state.size() > 1)
      return fail(ErrorCode::kMismatch, "fedavgm keeps one moment, but more were stored");
    first_moment_ = state.empty() ? ParameterSet() : std::move(state.front());
    return {};
  }

 private:
  float server_lr_, momentum_;
  ParameterSet first_moment_;  ///< empty before the first step
};

}  // namespace

std::unique_ptr<ServerOptimizer> make_fedavgm(const AggregationConfig& config) {
  return std::make_unique<FedAvgM>(config.server_lr, config.server_momentum);
}

}  // namespace fennec
