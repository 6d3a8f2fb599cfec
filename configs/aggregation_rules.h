#pragma once
#include <string>
#include <vector>

#include "configs/experiment.h"

namespace fennec {

/// What is wrong with the aggregation section, by itself and beside the others; each message begins
/// with its key.
std::vector<std::string> aggregation_problems(const Experiment& experiment);

}  // namespace fennec
