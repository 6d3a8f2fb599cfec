#pragma once
#include "aggregation/aggregator.h"

namespace fennec {

/// What every strategy refuses: kMismatch (another layout), kMalformed (no supervised tokens), kNumeric
/// (not finite).
Result<void> check_contribution(const ParameterLayout& layout, const Contribution& contribution);

}  // namespace fennec
