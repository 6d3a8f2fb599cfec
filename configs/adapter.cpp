#include "configs/adapter.h"

namespace fennec {

AdapterPlan plan_adapter(const Experiment& experiment, const std::filesystem::path& base) {
  return plan_adapter(base, to_peft_config(experiment.lora, base.string()),
                      peft_method(experiment.lora.method));
}

Seed adapter_seed(const Experiment& experiment) { return Seed(experiment.seed).child("adapter_init"); }

}  // namespace fennec
