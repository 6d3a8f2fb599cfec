#pragma once
#include <functional>

namespace fennec {

/// The least noise multiplier with `epsilon(multiplier)` ≤ target, within 1e-7 and never below:
/// bisection over a decreasing function. ConfigError when even a multiplier of 1e6 is not enough.
double calibrate_noise(const std::function<double(double)>& epsilon, double target);

}  // namespace fennec
