#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "core/digest.h"

namespace fennec {

/// A hash tree over a list: leaf = SHA-256("fennec/sa/v1/leaf" ‖ item), node = SHA-256(
/// "fennec/sa/v1/node" ‖ left ‖ right); a node without a partner moves up unchanged. The root commits
/// to each item and its index.
class MerkleTree {
 public:
  /// @param leaves  merkle_leaf of each item, at least one
  explicit MerkleTree(std::vector<Sha256Digest> leaves);

  const Sha256Digest& root() const { return levels_.back().front(); }
  /// The partners on the way from leaf `index` to the root: at most ⌈log2 n⌉.
  std::vector<Sha256Digest> path(std::size_t index) const;

 private:
  std::vector<std::vector<Sha256Digest>> levels_;  ///< leaves first
};

Sha256Digest merkle_leaf(std::span<const std::byte> item);

/// Whether `leaf` is number `index` of `count` under `root`; `path` must have exactly the length that
/// place has.
bool merkle_path_holds(const Sha256Digest& root, const Sha256Digest& leaf, std::size_t index,
                       std::size_t count, std::span<const Sha256Digest> path);

/// ⌈log2 count⌉: the longest path of a tree.
std::size_t merkle_depth(std::size_t count);

}  // namespace fennec
