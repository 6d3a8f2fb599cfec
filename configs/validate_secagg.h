#pragma once
#include <string>
#include <vector>

#include "configs/experiment.h"

namespace fennec {

/// What privacy.secagg cannot be combined with, and values out of range; one message a problem, each
/// beginning with its key. Whether a cohort withstands the assumed dropouts is session_problem()'s.
void validate_secagg(const Experiment& experiment, std::vector<std::string>& problems);

}  // namespace fennec
