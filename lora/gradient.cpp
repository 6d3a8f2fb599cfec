#include "lora/gradient.h"

#include <cmath>
#include <string>

#include <ATen/ATen.h>

#include "core/peft_method.h"
#include "lora/adamw.h"

namespace fennec {
namespace {

std::string at_step(std::int64_t index) { return " at step " + std::to_string(index + 1); }

}  // namespace

Result<StepLoss> compute_gradient(const StepScope& scope, const TrainBatch& batch, std::int64_t index) {
  zero_grad(scope.attachment.tensors());
  const LossSum loss = supervised_loss(scope.model, batch.tokens, batch.labels);
  if (loss.positions == 0) return StepLoss{};
  const at::Tensor objective = loss.sum / static_cast<double>(loss.positions);
  const auto mean = objective.item<double>();
  if (!std::isfinite(mean)) return fail(ErrorCode::kNumeric, "loss is not finite" + at_step(index));
  objective.backward();
  return StepLoss{mean, loss.positions};
}

Result<void> clip_gradient(const StepScope& scope, std::int64_t index) {
  if (!std::isfinite(clip_grad_norm(scope.attachment.tensors(), scope.train.clip_norm)))
    return fail(ErrorCode::kNumeric, "gradient is not finite" + at_step(index));
  return {};
}

std::vector<double> tensor_rates(const StepScope& scope) {
  const PeftMethod& method = peft_method(scope.lora.method);
  std::vector<double> rates;
  for (const ParameterEntry& entry : scope.adapter.layout()->entries())
    rates.push_back(method.rate(entry.name, entry.shape.size(), scope.lora.plus_ratio));
  return rates;
}

}  // namespace fennec
