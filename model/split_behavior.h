#pragma once
#include <string_view>
#include <vector>

#include "model/json_node.h"
#include "model/text_pattern.h"

namespace fennec {

/// What becomes of the matches when a text is cut by a pattern.
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// Reads `node.behavior`; IoError naming the known ones.
SplitBehavior read_split_behavior(const JsonNode& node);

/// @param matches  ordered, disjoint, non-empty  @param invert  the text between matches plays the
/// matches' part
/// @return the non-empty pieces, in order
std::vector<Span> split_by(std::string_view text, const std::vector<Span>& matches,
                           SplitBehavior behavior, bool invert = false);

}  // namespace fennec
