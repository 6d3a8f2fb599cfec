#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "lora/step_rule.h"

namespace fennec {
namespace {

/// MeZO (arXiv 2305.17333): the gradient along one random direction z from two forward passes,
///   g = (L(θ + εz) − L(θ − εz)) / 2ε,   θ ← θ − η·g·z.
/// z holds random signs instead of normal draws: no library function whose last bit depends on the
/// machine, and a variance of (d − 1)‖∇L‖² instead of (d + 1)‖∇L‖². θ is kept in a copy rather than
/// restored by subtraction, which would drift by rounding: the only memory beyond inference.
class MezoSteps final : public StepRule {
 public:
  explicit MezoSteps(const StepScope& scope) : scope_(scope), theta_(scope.adapter.size()) {}

  Result<StepLoss> step(const TrainBatch& batch, std::int64_t index) override {
    const at::NoGradGuard no_grad;
    const Seed direction = scope_.seed.child("mezo_direction", static_cast<std::uint64_t>(index));
    std::ranges::copy(std::as_const(scope_.adapter).values(), theta_.begin());
    const auto epsilon = static_cast<float>(scope_.train.mezo.epsilon);
    move_along(direction, epsilon);
    const StepLoss above = loss_of(batch);
    move_along(direction, -epsilon);
    const StepLoss below = loss_of(batch);
    const double slope = (above.mean - below.mean) / (2 * static_cast<double>(epsilon));
    const double rate = warmed_up(scope_.train, scope_.train.mezo.learning_rate, index);
    move_along(direction, static_cast<float>(-rate * slope));
    if (!std::isfinite(slope))
      return fail(ErrorCode::kNumeric, "loss is not finite at step " + std::to_string(index + 1));
    return StepLoss{(above.mean + below.mean) / 2, above.positions};
  }

 private:
  /// The trained tensors become θ + step·z.
  void move_along(Seed direction, float step) {
    for (std::size_t i = 0; i < scope_.attachment.tensors().size(); ++i) {
      if (!scope_.attachment.tensors()[i].requires_grad()) continue;
      const ParameterEntry& entry = scope_.adapter.layout()->entries()[i];
      add_signs(direction, step, std::span(theta_).subspan(entry.offset, entry.size),
                scope_.adapter.values(entry), entry.offset);
    }
  }

  StepLoss loss_of(const TrainBatch& batch) const {
    const LossSum loss = supervised_loss(scope_.model, batch.tokens, batch.labels);
    if (loss.positions == 0) return {};
    return {loss.sum.item<double>() / static_cast<double>(loss.positions), loss.positions};
  }

  StepScope scope_;
  std::vector<float> theta_;
};

}  // namespace

std::unique_ptr<StepRule> make_mezo_steps(const StepScope& scope) {
  return std::make_unique<MezoSteps>(scope);
}

}  // namespace fennec
