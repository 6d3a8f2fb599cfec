#pragma once
#include <cstddef>
#include <span>

#include "aggregation/codec.h"
#include "core/error.h"
#include "core/parameter_set.h"

namespace fennec {

/// A version of the adapter from the one before and the encoded step between them: base + decoded, one
/// addition of floats an element, the same bits at the coordinator and on every device. kMalformed,
/// kMismatch, kNumeric (also when the sum would not be finite).
/// @param moved  the tensors that the step holds: those that travelled in the round
Result<ParameterSet> next_version(const ParameterSet& base, std::span<const std::byte> step,
                                  const UpdateCodec& codec, const LayoutPtr& moved);

}  // namespace fennec
