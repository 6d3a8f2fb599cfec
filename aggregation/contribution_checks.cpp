#include "aggregation/contribution_checks.h"

#include "core/parameter_math.h"

namespace fennec {

Result<void> check_contribution(const ParameterLayout& layout, const Contribution& contribution) {
  const std::string whose = "the update of '" + contribution.client.name + "' ";
  if (contribution.delta.empty() || *contribution.delta.layout() != layout)
    return fail(ErrorCode::kMismatch, whose + "has another layout");
  if (contribution.supervised_tokens <= 0)
    return fail(ErrorCode::kMalformed, whose + "has no supervised tokens");
  if (!all_finite(contribution.delta.values()))
    return fail(ErrorCode::kNumeric, whose + "is not finite");
  return {};
}

}  // namespace fennec
