#pragma once
#include <numbers>

namespace fennec {

inline constexpr double kTwoPi = 2 * std::numbers::pi;  ///< a full turn, radians

}  // namespace fennec
