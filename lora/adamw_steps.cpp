#include <utility>

#include <ATen/core/Tensor.h>

#include "core/parameter_math.h"
#include "lora/adamw.h"
#include "lora/example_privacy.h"
#include "lora/gradient.h"

namespace fennec {
namespace {

AdamWOptions options_of(const TrainConfig& config) {
  return {config.beta1, config.beta2, config.epsilon, config.weight_decay};
}

/// One forward, one backward, one step of AdamW.
class AdamwSteps final : public StepRule {
 public:
  explicit AdamwSteps(const StepScope& scope)
      : scope_(scope),
        optimizer_(scope.attachment.tensors(), options_of(scope.train), {}, tensor_rates(scope)) {
    if (scope.train.proximal_mu > 0) start_ = scope.adapter.clone();
  }

  Result<StepLoss> step(const TrainBatch& batch, std::int64_t index) override {
    if (scope_.privacy != nullptr) return private_step(batch, index);
    Result<StepLoss> loss = compute_gradient(scope_, batch, index);
    if (!loss || loss->positions == 0) return loss;
    add_proximal_gradient();
    if (const Result<void> clipped = clip_gradient(scope_, index); !clipped)
      return tl::unexpected<Error>(clipped.error());
    optimizer_.step(warmed_up(scope_.train, scope_.train.learning_rate, index));
    return loss;
  }

  StepState memory() const override {
    const auto m = optimizer_.first_moment(), v = optimizer_.second_moment();
    return {{m.begin(), m.end()}, {v.begin(), v.end()}, optimizer_.steps()};
  }
  Result<void> restore(const StepState& memory) override {
    return optimizer_.restore(memory.first_moment, memory.second_moment, memory.steps);
  }

 private:
  /// What moves the adapter is the released gradient and what everyone knows. The norm of the whole is
  /// not limited: those of its parts are.
  StepLoss private_step(const TrainBatch& batch, std::int64_t index) {
    const StepLoss loss =
        private_gradient(scope_.model, scope_.attachment.tensors(), batch, *scope_.privacy);
    add_proximal_gradient();
    optimizer_.step(warmed_up(scope_.train, scope_.train.learning_rate, index));
    return loss;
  }

  /// FedProx (Li et al., arXiv 1812.06127): ∇ μ/2·‖w − w_start‖² = μ·(w − w_start).
  void add_proximal_gradient() {
    if (start_.empty()) return;
    const auto mu = static_cast<float>(scope_.train.proximal_mu);
    for (std::size_t i = 0; i < scope_.attachment.tensors().size(); ++i) {
      const at::Tensor grad = scope_.attachment.tensors()[i].grad();
      if (!grad.defined()) continue;
      const ParameterEntry& entry = scope_.adapter.layout()->entries()[i];
      const std::span<float> gradient(grad.data_ptr<float>(), entry.size);
      axpy(mu, std::as_const(scope_.adapter).values(entry), gradient);
      axpy(-mu, std::as_const(start_).values(entry), gradient);
    }
  }

  StepScope scope_;
  AdamW optimizer_;
  ParameterSet start_;  ///< what the proximal term pulls to; empty without one
};

}  // namespace

std::unique_ptr<StepRule> make_adamw_steps(const StepScope& scope) {
  return std::make_unique<AdamwSteps>(scope);
}

}  // namespace fennec
