#pragma once
#include <string>
#include <vector>

#include "configs/experiment.h"

namespace fennec {

/// Combinations of privacy.dp with the rest of an experiment that would make its ε a false statement;
/// part of validate(). Appends one message a problem, each beginning with its key.
void validate_privacy(const Experiment& experiment, std::vector<std::string>& problems);

}  // namespace fennec
