#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "core/error.h"
#include "core/parameter_set.h"
#include "core/rng.h"
#include "lora/adapter_attachment.h"
#include "lora/lora_config.h"
#include "lora/packing.h"
#include "model/causal_lm.h"

namespace fennec {

class ExamplePrivacy;

struct StepLoss {
  double mean = 0;  ///< nats per supervised token, of the adapter as the step found it
  std::int64_t positions = 0;
};

/// What an optimizer keeps between steps.
struct StepState {
  std::vector<float> first_moment, second_moment;
  std::int64_t steps = 0;
};

/// How a batch moves the adapter. Not thread-safe.
class StepRule {
 public:
  virtual ~StepRule() = default;
  /// Step number `index`, from 0. A batch without a supervised token moves nothing. kNumeric on a loss
  /// or gradient that is not finite.
  virtual Result<StepLoss> step(const TrainBatch& batch, std::int64_t index) = 0;
  virtual StepState memory() const { return {}; }  ///< unless the rule keeps moments
  /// kMismatch when it is of another rule or size; nothing is changed then.
  virtual Result<void> restore(const StepState& memory);
};

/// What a rule works on; all outlive it. The adapter's values are the memory of the attached tensors,
/// and those of them that require no gradient stay as they are.
struct StepScope {
  const CausalLm& model;
  ParameterSet& adapter;
  const AdapterAttachment& attachment;
  const LoraConfig& lora;
  const TrainConfig& train;
  Seed seed;
  /// Added to the trained tensors at each step; null: nothing. sgd only.
  const ParameterSet* correction = nullptr;
  ExamplePrivacy* privacy = nullptr;  ///< adamw: batches are of single examples then; null: none
};

// One function a name in FENNEC_OPTIMIZERS (lora/lora_config.h).
#define FENNEC_DECLARE(name) std::unique_ptr<StepRule> make_##name##_steps(const StepScope& scope);
FENNEC_OPTIMIZERS(FENNEC_DECLARE)
#undef FENNEC_DECLARE

/// By train.optimizer. Throws ConfigError on a name that is none.
std::unique_ptr<StepRule> make_step_rule(const StepScope& scope);

/// `rate` after the linear warm-up.
double warmed_up(const TrainConfig& config, double rate, std::int64_t step);

}  // namespace fennec
