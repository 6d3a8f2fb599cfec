#pragma once
#include <cmath>
#include <limits>

namespace fennec {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Probabilities that span hundreds of orders of magnitude are kept as logarithms.

/// ln(e^a + e^b), with −∞ for an empty sum.
double log_add(double a, double b);
/// ln(e^a − e^b) for a ≥ b; −∞ when they are equal.
double log_subtract(double a, double b);
/// ln erfc(x) for any x, also where erfc(x) itself is 0 in double.
double log_erfc(double x);
/// Φ(x) of the standard normal distribution, precise in the lower tail.
inline double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

}  // namespace fennec
