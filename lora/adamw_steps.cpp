#include <cmath>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include "core/parameter_math.h"
#include "core/peft_method.h"
#include "lora/adamw.h"
#include "lora/step_rule.h"

namespace fennec {
namespace {

std::vector<double> rates_of(const StepScope& scope) {
  const PeftMethod& method = peft_method(scope.lora.method);
  std::vector<double> rates;
  for (const ParameterEntry& entry : scope.adapter.layout()->entries())
    rates.push_back(method.rate(entry.name, entry.shape.size(), scope.lora.plus_ratio));
  return rates;
}

AdamWOptions options_of(const TrainConfig& config) {
  return {config.beta1, config.beta2, config.epsilon, config.weight_decay};
}

/// One forward, one backward, one step of AdamW.
class AdamwSteps final : public StepRule {
 public:
  explicit AdamwSteps(const StepScope& scope)
      : scope_(scope),
        optimizer_(scope.attachment.tensors(), options_of(scope.train), {}, rates_of(scope)) {
    if (scope.train.proximal_mu > 0) start_ = scope.adapter.clone();
  }

  Result<StepLoss> step(const TrainBatch& batch, std::int64_t index) override {
    const std::string name = " at step " + std::to_string(index + 1);
    optimizer_.zero_grad();
    const LossSum loss = supervised_loss(scope_.model, batch.tokens, batch.labels);
    if (loss.positions == 0) return StepLoss{};
    const at::Tensor objective = loss.sum / static_cast<double>(loss.positions);
    const auto mean = objective.item<double>();
    if (!std::isfinite(mean)) return fail(ErrorCode::kNumeric, "loss is not finite" + name);
    objective.backward();
    add_proximal_gradient();
    if (!std::isfinite(clip_grad_norm(scope_.attachment.tensors(), scope_.train.clip_norm)))
      return fail(ErrorCode::kNumeric, "gradient is not finite" + name);
    optimizer_.step(warmed_up(scope_.train, scope_.train.learning_rate, index));
    return StepLoss{mean, loss.positions};
  }

  StepState memory() const override {
    const auto m = optimizer_.first_moment(), v = optimizer_.second_moment();
    return {{m.begin(), m.end()}, {v.begin(), v.end()}, optimizer_.steps()};
  }
  Result<void> restore(const StepState& memory) override {
    return optimizer_.restore(memory.first_moment, memory.second_moment, memory.steps);
  }

 private:
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
