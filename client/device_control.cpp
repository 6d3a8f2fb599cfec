#include "client/device_control.h"

#include "aggregation/control_variates.h"
#include "core/error.h"

namespace fennec {

DeviceControl::DeviceControl(const ParameterSet& version, const DeviceMemory* memory)
    : common_(controls_of(version)) {
  if (!is_kept()) return;
  const bool has_own = memory != nullptr && !memory->values.empty();
  own_ = has_own ? memory->values.clone() : ParameterSet(common_.layout());
  correction_ = drift_correction(own_, common_);
}

ParameterSet DeviceControl::next(const ParameterSet& received, std::int64_t steps) const {
  FENNEC_CHECK(is_kept());
  return next_control(own_, common_, received, steps);
}

}  // namespace fennec
