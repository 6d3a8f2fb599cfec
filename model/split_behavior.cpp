#include "model/split_behavior.h"

#include <algorithm>

namespace fennec {
namespace {

struct Part {
  Span span;
  bool match;
};

std::vector<Part> cover(std::size_t size, const std::vector<Span>& matches, bool invert) {
  std::vector<Part> parts;
  std::size_t at = 0;
  for (const Span& m : matches) {
    if (m.begin > at) parts.push_back({{at, m.begin}, invert});
    parts.push_back({m, !invert});
    at = m.end;
  }
  if (at < size) parts.push_back({{at, size}, invert});
  return parts;
}

}  // namespace

SplitBehavior read_split_behavior(const JsonNode& node) {
  const std::string name = node.text("behavior");
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  node.refuse(
      "behavior '" + name +
      "' is not supported; known: Isolated, Removed, MergedWithPrevious, MergedWithNext, Contiguous");
}

std::vector<Span> split_by(std::string_view text, const std::vector<Span>& matches,
                           SplitBehavior behavior, bool invert) {
  std::vector<Part> parts = cover(text.size(), matches, invert);
  const bool backwards = behavior == SplitBehavior::kMergedWithNext;
  if (backwards) std::reverse(parts.begin(), parts.end());
  std::vector<Span> out;
  bool previous_match = false;
  for (const Part& part : parts) {
    bool join = false;
    if (behavior == SplitBehavior::kContiguous) join = part.match == previous_match;
    if (backwards || behavior == SplitBehavior::kMergedWithPrevious)
      join = part.match && !previous_match;
    if (behavior == SplitBehavior::kRemoved && part.match) continue;
    if (join && !out.empty()) {
      out.back().begin = std::min(out.back().begin, part.span.begin);
      out.back().end = std::max(out.back().end, part.span.end);
    } else {
      out.push_back(part.span);
    }
    previous_match = part.match;
  }
  if (backwards) std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace fennec
