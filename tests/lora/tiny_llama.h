#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/lora_layout.h"
#include "core/parameter_set.h"
#include "lora/trainer.h"
#include "model/llama.h"

namespace fennec::test {

/// A random Llama small enough for a unit test: D = 16, 2 layers, 4 heads over 2 kv-heads, V = 40.
inline std::unique_ptr<CausalLm> tiny_llama(std::uint64_t seed = 1) {
  LlamaConfig config;
  config.vocab_size = 40;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 4;
  config.rope.max_positions = 128;
  return new_llama(config, Seed(seed));
}

/// The layout of a rank-R adapter on every linear of a model, or of its layers from one on.
inline LayoutPtr layout_for(CausalLm& model, int rank, std::int64_t first_layer = 0) {
  std::vector<LinearShape> linears;
  for (const Projection* p : model.projections())
    if (layer_index(p->module()) >= first_layer)
      linears.push_back({p->module(), p->in_features(), p->out_features()});
  return lora_layout(linears, rank);
}

/// An adapter with nothing zero in it.
inline ParameterSet random_adapter(CausalLm& model, int rank, std::uint64_t seed) {
  ParameterSet adapter(layout_for(model, rank));
  fill_normal(Seed(seed), adapter.values(), 0.2f);
  return adapter;
}

/// Examples of 4 … 3+spread tokens, about half of them prompt.
inline std::vector<TokenizedExample> random_examples(std::size_t count, std::uint64_t spread,
                                                     std::uint64_t seed) {
  RandomStream stream{Seed(seed)};
  std::vector<TokenizedExample> examples(count);
  for (auto& example : examples) {
    example.ids.resize(4 + stream.below(spread));
    for (TokenId& id : example.ids) id = static_cast<TokenId>(stream.below(40));
    example.prompt_tokens = 1 + stream.below(example.ids.size() - 1);
  }
  return examples;
}

}  // namespace fennec::test
