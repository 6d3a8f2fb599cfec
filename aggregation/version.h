#pragma once
#include <string_view>

#include "aggregation/aggregation_config.h"
#include "core/parameter_set.h"

namespace fennec {

// A version is what clients fetch and what a run keeps of a round: the trained tensors of the adapter
// and, after them, what the strategy carries beside them: control variates (control_variates.h), a
// branch that has absorbed earlier adapters (absorption.h), or nothing.

/// Whether a tensor of a version is carried beside the trained ones: never trained, never sent up.
bool is_carried(std::string_view tensor);

/// Version 0: carried tensors begin with zeros. Its layout is that of all versions.
ParameterSet first_version(const AggregationConfig& config, ParameterSet trained);

}  // namespace fennec
