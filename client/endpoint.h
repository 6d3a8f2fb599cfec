#pragma once
#include <string>

namespace fennec {

/// Resolves "tcp://host:port" and says to what, and whether something listens there at the moment.
/// Throws IoError when it does not parse or resolve.
std::string describe_endpoint(const std::string& endpoint);

}  // namespace fennec
