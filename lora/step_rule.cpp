#include "lora/step_rule.h"

namespace fennec {

Result<void> StepRule::restore(const StepState& memory) {
  if (memory.first_moment.empty() && memory.second_moment.empty()) return {};
  return fail(ErrorCode::kMismatch, "train.optimizer keeps no moments");
}

std::unique_ptr<StepRule> make_step_rule(const StepScope& scope) {
  FENNEC_CHECK(scope.correction == nullptr || scope.train.optimizer == "sgd",
               "a drift correction is one of gradient steps");
#define FENNEC_MAKE(name) \
  if (scope.train.optimizer == #name) return make_##name##_steps(scope);
  FENNEC_OPTIMIZERS(FENNEC_MAKE)
#undef FENNEC_MAKE
  throw ConfigError("unknown train.optimizer '" + scope.train.optimizer + "'");
}

double warmed_up(const TrainConfig& config, double rate, std::int64_t step) {
  if (step >= config.warmup_steps) return rate;
  return rate * static_cast<double>(step + 1) / config.warmup_steps;
}

}  // namespace fennec
