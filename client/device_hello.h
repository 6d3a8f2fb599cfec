#pragma once
#include <filesystem>

#include "data/example_io.h"
#include "transport/keys.h"
#include "transport/messages.h"

namespace fennec {

/// What a device says of itself: its run, base model, amount of data, machine.
Hello device_hello(const EnrolmentBundle& bundle, const std::filesystem::path& base,
                   const DeviceData& data);

}  // namespace fennec
