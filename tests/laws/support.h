#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "aggregation/aggregator.h"
#include "core/rng.h"

namespace fennec::test {

inline LayoutPtr law_layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{
          {"a", {3, 5}}, {"b", {7}}, {"scalar", {}}});
}

inline Contribution contribution(const LayoutPtr& layout, std::uint64_t seed, const std::string& client,
                                 std::int64_t tokens) {
  Contribution c{{client}, 5, tokens, 2, ParameterSet(layout)};
  fill_normal(Seed(seed), c.delta.values(), 0.1F);
  c.delta.values()[0] = -0.0F;
  return c;
}

inline bool same_bytes(const ParameterSet& a, const ParameterSet& b) {
  return a.bytes().size() == b.bytes().size() &&
         std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin());
}

}  // namespace fennec::test
