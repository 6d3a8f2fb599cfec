#pragma once
#include <filesystem>

#include "core/parameter_set.h"
#include "transport/messages.h"

namespace fennec {

/// What a device carries from one of its accepted updates to the next, over the trained tensors: what a
/// lossy codec has left out so far, to be sent later, or under SCAFFOLD its control variate.
struct DeviceMemory {
  RoundId round;        ///< of that update
  ParameterSet values;  ///< empty: nothing
};

/// That memory on disk: two files of the device's state directory. What an update leaves counts from
/// its acceptance on; what a refused one leaves is given up with it. Throws IoError.
class DeviceMemoryStore {
 public:
  explicit DeviceMemoryStore(std::filesystem::path dir) : dir_(std::move(dir)) {}

  /// Empty when there is none for this layout.
  DeviceMemory current(const LayoutPtr& layout) const;
  /// Before the update may leave.
  void prepare(const UpdateOffer& offer, const ParameterSet& values) const;
  void accepted(const UpdateAccepted& update) const;

 private:
  std::filesystem::path current_file() const { return dir_ / "memory.safetensors"; }
  std::filesystem::path next_file() const { return dir_ / "memory-next.safetensors"; }
  std::filesystem::path dir_;
};

}  // namespace fennec
