#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/error.h"

namespace fennec {

/// Which server the threshold must hold against.
enum class SecAggAdversary {
  kHonestButCurious,  ///< follows the protocol, or is held to one set of survivors by its signatures
  kSemiMalicious,     ///< may tell one half of the neighbours that a client dropped, the other not
};

/// What a cohort must withstand.
struct SecAggAssumptions {
  std::uint32_t cohort = 0;   ///< n
  double corrupt = 0.1;       ///< γ: part of the cohort in league with the server
  double dropouts = 0.3;      ///< δ: part that may vanish
  double security_bits = 40;  ///< σ
  double liveness_bits = 20;  ///< η
  SecAggAdversary adversary = SecAggAdversary::kHonestButCurious;
};

/// Neighbours a client has and shares that open a secret.
struct SecAggDegree {
  std::uint32_t degree = 0;             ///< k
  std::uint32_t threshold = 0;          ///< t, the smallest that is secure
  std::uint32_t largest_threshold = 0;  ///< beyond it too many dropouts end a round
};

/// Smallest even k (else n − 1) with a t such that, by exact hypergeometric tails: the honest survivors
/// stay connected but with probability 2^−(σ+1); no secret opens to the corrupt but with 2^−(σ+1);
/// every secret that must open does but with 2^−η (Bell et al. 2020, section 3.2). Nothing when there
/// is none.
std::optional<SecAggDegree> search_degree(const SecAggAssumptions& assumptions);

/// The complete graph: k = n − 1, t = ⌊(k + ⌊γn⌋)/2⌋ + 1, secure against either adversary. Nothing when
/// t > k − ⌊δn⌋.
std::optional<SecAggDegree> complete_degree(const SecAggAssumptions& assumptions);

/// The rule: complete up to kCompleteGraphUpTo, searched above. kMismatch saying what cannot be had.
Result<SecAggDegree> choose_degree(const SecAggAssumptions& assumptions);

}  // namespace fennec
