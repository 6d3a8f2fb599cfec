#include "aggregation/registry.h"
#include "aggregation/travel.h"
#include "core/parameter_math.h"

namespace fennec {
namespace {

/// x ← x + η_s·Δ. With η_s = 1 this is FedAvg.
class ServerSgd final : public ServerOptimizer {
 public:
  explicit ServerSgd(double server_lr) : server_lr_(static_cast<float>(server_lr)) {}

  void step(ParameterSet& adapter, const ParameterSet& delta, Half half) override {
    FENNEC_CHECK(*adapter.layout() == *delta.layout());
    for (const ParameterEntry& entry : adapter.layout()->entries())
      if (travels(entry.name, half)) axpy(server_lr_, delta.values(entry), adapter.values(entry));
  }
  std::vector<const ParameterSet*> state() const override { return {}; }
  Result<void> restore(std::vector<ParameterSet> state) override {
    if (!state.empty()) return fail(ErrorCode::kMismatch, "sgd keeps no state, but some was stored");
    return {};
  }

 private:
  float server_lr_;
};

}  // namespace

std::unique_ptr<ServerOptimizer> make_sgd(const AggregationConfig& config) {
  return std::make_unique<ServerSgd>(config.server_lr);
}

}  // namespace fennec
