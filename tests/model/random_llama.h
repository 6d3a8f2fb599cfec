#pragma once
#include <memory>

#include <ATen/ATen.h>

#include "core/rng.h"
#include "model/llama.h"

namespace fennec::test {

inline LlamaConfig small_config(bool tied = true, bool biased = false) {
  LlamaConfig config;
  config.vocab_size = 60;
  config.hidden_size = 24;
  config.intermediate_size = 40;
  config.num_layers = 3;
  config.num_heads = 6;
  config.num_kv_heads = 2;
  config.head_dim = 8;  // not hidden/heads
  config.tied_head = tied;
  config.attention_bias = config.output_bias = config.mlp_bias = biased;
  config.rope.max_positions = 64;
  return config;
}

/// Random weights of a size that spreads the logits.
inline std::unique_ptr<CausalLm> random_llama(const LlamaConfig& config, std::uint64_t seed = 1) {
  auto model = new_llama(config, Seed(seed));
  for (const auto& [name, weight] : model->parameters()) {
    const at::Tensor noise = at::empty_like(weight);
    fill_normal(Seed(seed).child("noise", name),
                {noise.data_ptr<float>(), static_cast<std::size_t>(noise.numel())}, 0.2F);
    weight.add_(noise);
  }
  return model;
}

inline at::Tensor random_ids(Seed seed, std::int64_t rows, std::int64_t tokens, std::int64_t vocab) {
  RandomStream draw(seed);
  at::Tensor ids = at::empty({rows, tokens}, at::kLong);
  for (std::int64_t i = 0; i < ids.numel(); ++i)
    ids.view(-1)[i] = static_cast<std::int64_t>(draw.below(static_cast<std::uint64_t>(vocab)));
  return ids;
}

}  // namespace fennec::test
