#pragma once
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/parameter_set.h"

namespace fennec {

/// What every encoded update begins with, little endian:
///   "FNUP" | u16 format version | u16 length of the codec's name | name | 32 bytes layout digest | u64
///   elements
void append_update_header(std::vector<std::byte>& out, std::string_view codec,
                          const ParameterLayout& layout);

/// The bytes after a header that fits. kMalformed (truncated, not an update), kVersion, kMismatch
/// (other codec or layout).
Result<std::span<const std::byte>> check_update_header(std::span<const std::byte> bytes,
                                                       std::string_view codec,
                                                       const ParameterLayout& layout);

}  // namespace fennec
