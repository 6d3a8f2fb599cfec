#include "configs/adapter.h"

#include "core/error.h"

namespace fennec {

AdapterPlan plan_adapter(const Experiment& experiment, const std::filesystem::path& base) {
  AdapterPlan plan = plan_adapter(base, to_peft_config(experiment.lora, base.string()),
                                  peft_method(experiment.lora.method));
  if (experiment.train.prefix_cache.store != "none" && plan.first_layer == 0)
    throw ConfigError(
        "train.prefix_cache.store is " + experiment.train.prefix_cache.store +
        ", but the adapter changes the first layer, so that nothing stays the same from one pass over "
        "the data to the next; adapt later layers only (lora.layers_to_transform)");
  return plan;
}

Seed adapter_seed(const Experiment& experiment) { return Seed(experiment.seed).child("adapter_init"); }

}  // namespace fennec
