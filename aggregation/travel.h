#pragma once
#include <string_view>

#include "aggregation/strategy_config.h"
#include "core/parameter_set.h"

namespace fennec {

/// Whether a tensor is trained and sent when `half` travels: A's are not with kB, B's not with kA, and
/// what a version carries beside them never; what is none of these always is.
bool travels(std::string_view tensor, Half half);

/// The entries of `layout` that travel, in its order; `layout` itself when all do. With kBoth they are
/// the trained tensors.
LayoutPtr travelling_layout(const LayoutPtr& layout, Half half);

/// The entries of `set` that `part` names; and back, into zeros.
ParameterSet gather(const ParameterSet& set, const LayoutPtr& part);
ParameterSet scatter(ParameterSet part, const LayoutPtr& layout);

/// The entries of `part` in place of those of `set`.
void replace(const ParameterSet& part, ParameterSet& set);

}  // namespace fennec
