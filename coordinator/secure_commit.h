#pragma once
#include <vector>

#include "coordinator/commit.h"
#include "coordinator/secure_round.h"

namespace fennec {

/// Folds the means that a round's sums give into `base`: one sum's mean is the update; several, of
/// groups, are combined by `aggregator`. Of single devices nothing is known but that they took part.
/// Moves `optimizer`; as commit_round(), empty when nothing finite comes of it.
Commit commit_sums(RoundId round, const ParameterSet& base, const std::vector<SecureSum>& sums,
                   Aggregator& aggregator, ServerOptimizer& optimizer, Travel travel = Travel::kBoth);

}  // namespace fennec
