#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "aggregation/aggregator.h"
#include "core/lora_layout.h"
#include "core/rng.h"

namespace fennec::test {

/// Two linears, neither square, of rank 2.
inline LayoutPtr law_layout() {
  return lora_layout(
      {{"model.layers.0.mlp.down_proj", 5, 7}, {"model.layers.0.self_attn.q_proj", 6, 4}}, 2);
}

/// What the deltas are relative to: A and B both drawn.
inline ParameterSet law_base(const LayoutPtr& layout) {
  ParameterSet base(layout);
  fill_normal(Seed(77), base.values(), 0.5F);
  return base;
}

inline Contribution contribution(const LayoutPtr& layout, std::uint64_t seed, const std::string& client,
                                 std::int64_t tokens) {
  Contribution c{{client}, 5, tokens, 2, ParameterSet(layout), 1.5};
  fill_normal(Seed(seed), c.delta.values(), 0.1F);
  c.delta.values()[0] = -0.0F;
  return c;
}

inline Contribution copy_of(const Contribution& c) {
  return {c.client, c.num_examples, c.supervised_tokens, c.steps, c.delta.clone(), c.initial_loss};
}

inline bool same_bytes(const ParameterSet& a, const ParameterSet& b) {
  return a.bytes().size() == b.bytes().size() &&
         std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin());
}

}  // namespace fennec::test
