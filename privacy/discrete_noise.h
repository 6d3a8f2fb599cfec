#pragma once
#include <cstdint>

#include "privacy/random_source.h"

namespace fennec {

// Exact samplers over the integers (Canonne, Kamath, Steinke, arXiv 2004.00010): only uniform integers
// and integer arithmetic, so no floating-point attack (Mironov 2012) applies. Running time depends on
// what is drawn: not for use where an adversary can time single draws.

__extension__ typedef unsigned __int128 Uint128;

/// Uniform over [0, bound), bound > 0; takes as few bytes as it can.
Uint128 uniform_below(RandomBytes& bytes, Uint128 bound);
/// True with probability e^{−numerator/denominator}, exactly.
bool bernoulli_exp(RandomBytes& bytes, Uint128 numerator, Uint128 denominator);
/// P(k) ∝ e^{−|k|/scale}, scale ≥ 1.
std::int64_t discrete_laplace(RandomBytes& bytes, std::uint64_t scale);

/// P(k) ∝ e^{−k²/(2σ²)} over the integers, σ² = numerator/denominator.
class DiscreteGaussian {
 public:
  /// Both at least 1 and at most 2⁵⁴.
  DiscreteGaussian(std::uint64_t variance_numerator, std::uint64_t variance_denominator = 1);
  std::int64_t operator()(RandomBytes& bytes) const;

 private:
  std::uint64_t numerator_, denominator_, scale_;  ///< scale of the Laplace proposal, ⌊σ⌋ + 1
};

}  // namespace fennec
