#pragma once
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "lora/step_rule.h"

namespace fennec {

/// One forward, one backward: the attached tensors then hold the gradient of the batch's mean loss. Of
/// a batch without a supervised token (positions 0) there is none. kNumeric when the loss is not
/// finite.
/// @param index  of the step, for the message
Result<StepLoss> compute_gradient(const StepScope& scope, const TrainBatch& batch, std::int64_t index);

/// Clips that gradient to train.clip_norm. kNumeric when it is not finite.
Result<void> clip_gradient(const StepScope& scope, std::int64_t index);

/// One factor a tensor, by which the method multiplies its learning rate.
std::vector<double> tensor_rates(const StepScope& scope);

}  // namespace fennec
