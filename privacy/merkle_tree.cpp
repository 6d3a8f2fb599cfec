#include "privacy/merkle_tree.h"

#include "core/error.h"

namespace fennec {
namespace {

Sha256Digest parent(const Sha256Digest& left, const Sha256Digest& right) {
  Sha256 hash;
  hash.update("fennec/sa/v1/node");
  hash.update(left);
  hash.update(right);
  return hash.finish();
}

bool is_alone(std::size_t index, std::size_t count) { return index + 1 == count && count % 2 == 1; }

}  // namespace

Sha256Digest merkle_leaf(std::span<const std::byte> item) {
  Sha256 hash;
  hash.update("fennec/sa/v1/leaf");
  hash.update(item);
  return hash.finish();
}

MerkleTree::MerkleTree(std::vector<Sha256Digest> leaves) {
  FENNEC_CHECK(!leaves.empty());
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1) {
    const std::vector<Sha256Digest>& below = levels_.back();
    std::vector<Sha256Digest> level;
    for (std::size_t i = 0; i < below.size(); i += 2)
      level.push_back(is_alone(i, below.size()) ? below[i] : parent(below[i], below[i + 1]));
    levels_.push_back(std::move(level));
  }
}

std::vector<Sha256Digest> MerkleTree::path(std::size_t index) const {
  FENNEC_CHECK(index < levels_.front().size());
  std::vector<Sha256Digest> partners;
  for (const auto& level : levels_) {
    if (level.size() > 1 && !is_alone(index, level.size())) partners.push_back(level[index ^ 1u]);
    index /= 2;
  }
  return partners;
}

bool merkle_path_holds(const Sha256Digest& root, const Sha256Digest& leaf, std::size_t index,
                       std::size_t count, std::span<const Sha256Digest> path) {
  if (index >= count) return false;
  Sha256Digest node = leaf;
  for (; count > 1; count = (count + 1) / 2, index /= 2) {
    if (is_alone(index, count)) continue;
    if (path.empty()) return false;
    node = index % 2 == 0 ? parent(node, path.front()) : parent(path.front(), node);
    path = path.subspan(1);
  }
  return path.empty() && node == root;
}

std::size_t merkle_depth(std::size_t count) {
  std::size_t depth = 0;
  while ((std::size_t{1} << depth) < count) ++depth;
  return depth;
}

}  // namespace fennec
