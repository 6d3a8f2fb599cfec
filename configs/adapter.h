#pragma once
#include <filesystem>

#include "configs/experiment.h"
#include "core/adapter_plan.h"

namespace fennec {

/// The adapter that an experiment means on a base model. Throws IoError, ConfigError.
AdapterPlan plan_adapter(const Experiment& experiment, const std::filesystem::path& base);

/// The node of randomness that version 0 is drawn from.
Seed adapter_seed(const Experiment& experiment);

}  // namespace fennec
