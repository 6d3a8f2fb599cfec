#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/digest.h"

namespace fennec {

/// Largest cohort in which everyone is everyone's neighbour.
inline constexpr std::uint32_t kCompleteGraphUpTo = 128;

/// Who masks with whom: ranks 0..n−1 on a ring in an order drawn from the transcript, each joined to
/// the k/2 next on either side (the Harary graph of Bell et al. 2020); complete when k ≥ n − 1.
/// Symmetric.
class MaskGraph {
 public:
  /// @param degree  k, even or at least n − 1
  MaskGraph(std::uint32_t n, std::uint32_t degree, const Sha256Digest& seed, const Sha256Digest& sid);

  std::vector<std::uint32_t> neighbours(std::uint32_t rank) const;  ///< ascending
  bool are_neighbours(std::uint32_t a, std::uint32_t b) const;
  std::uint32_t size() const { return static_cast<std::uint32_t>(rank_at_.size()); }
  std::uint32_t degree() const { return degree_; }
  const std::vector<std::uint32_t>& rank_at() const { return rank_at_; }  ///< ring position → rank

 private:
  std::uint32_t degree_;
  std::vector<std::uint32_t> rank_at_, position_of_;
};

/// SHA-256("fennec/sa/v1/gseed" ‖ sid ‖ root ‖ SHA-256(bitmap of U1)): nobody picks the order.
Sha256Digest graph_seed(const Sha256Digest& sid, const Sha256Digest& root,
                        std::span<const std::byte> members);

}  // namespace fennec
