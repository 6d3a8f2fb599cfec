#pragma once
#include <cstdint>

#include "client/device_memory.h"
#include "core/parameter_set.h"

namespace fennec {

/// SCAFFOLD's part of a device in one round (aggregation/control_variates.h): the run's control
/// variate, which came with the version, and the device's own. Nothing of it where versions have none.
class DeviceControl {
 public:
  /// @param memory  null or empty: the device has not taken part yet, and its own is 0
  DeviceControl(const ParameterSet& version, const DeviceMemory* memory);

  bool is_kept() const { return !common_.empty(); }
  /// For TrainHooks; null when nothing is kept.
  const ParameterSet* correction() const { return is_kept() ? &correction_ : nullptr; }
  /// The device's own, once this update is accepted.
  /// @param received  the update as the coordinator decodes it
  ParameterSet next(const ParameterSet& received, std::int64_t steps) const;

 private:
  ParameterSet common_, own_, correction_;
};

}  // namespace fennec
