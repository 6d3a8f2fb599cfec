#pragma once
#include <cstdint>

namespace fennec {

/// Levels of the binary tree over `steps` rounds that a prefix sum is assembled from (tree aggregation,
/// Kairouz et al. 2021, arXiv 2103.00039): ⌈log2(steps + 1)⌉.
int tree_height(std::int64_t steps);

/// RDP at one order when every node of a tree has noise N(0, (z·C)²) and each unit takes part at most
/// once a tree: order·height/(2z²). Disjoint restarts: the same figure; a unit that takes part in k
/// trees: k times it.
double tree_rdp(double noise_multiplier, int height, double order);

}  // namespace fennec
