#include "aggregation/version_step.h"

#include <utility>

#include "core/parameter_math.h"

namespace fennec {

Result<ParameterSet> next_version(const ParameterSet& base, std::span<const std::byte> step,
                                  const UpdateCodec& codec, const LayoutPtr& moved) {
  const Result<ParameterSet> decoded = codec.decode(step, moved);
  if (!decoded) return tl::unexpected<Error>(decoded.error());
  ParameterSet version = base.clone();
  for (const ParameterEntry& entry : moved->entries())
    axpy(1.0F, decoded->values(entry), version.values(*version.layout()->find(entry.name)));
  if (!all_finite(std::as_const(version).values()))
    return fail(ErrorCode::kNumeric, "the next version would not be finite");
  return version;
}

}  // namespace fennec
