#pragma once
#include <cstdint>

namespace fennec {

/// IEEE binary16 → binary32, exact.
float from_half(std::uint16_t half);

/// binary32 → binary16, to nearest even; what is too large becomes infinite, NaN stays NaN.
std::uint16_t to_half(float value);

}  // namespace fennec
