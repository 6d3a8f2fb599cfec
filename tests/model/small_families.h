#pragma once
#include <memory>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "core/rng.h"
#include "model/causal_lm.h"
#include "model/hf_config.h"
#include "model/random_weights.h"
#include "model/registry.h"

namespace fennec::test {

/// A config.json of a few thousand weights: V = 60, at most 3 layers.
struct SmallFamily {
  const char *label, *config;
};

inline constexpr SmallFamily kSmallFamilies[] = {
    {"llama", R"({"model_type": "llama", "vocab_size": 60, "hidden_size": 24, "intermediate_size": 40,
      "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 8,
      "attention_bias": true, "mlp_bias": true, "max_position_embeddings": 64,
      "rope_parameters": {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0,
                          "original_max_position_embeddings": 16}})"},
    {"mistral",
     R"({"model_type": "mistral", "vocab_size": 60, "hidden_size": 24, "intermediate_size": 40,
      "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 3, "sliding_window": 5,
      "max_position_embeddings": 64})"},
    {"qwen2", R"({"model_type": "qwen2", "vocab_size": 60, "hidden_size": 24, "intermediate_size": 40,
      "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": true,
      "use_sliding_window": true, "sliding_window": 4, "max_window_layers": 1,
      "max_position_embeddings": 64})"},
    {"qwen3", R"({"model_type": "qwen3", "vocab_size": 60, "hidden_size": 24, "intermediate_size": 40,
      "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
      "use_sliding_window": true, "sliding_window": 6, "max_position_embeddings": 64,
      "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]})"},
    {"gemma", R"({"model_type": "gemma", "vocab_size": 60, "hidden_size": 24, "intermediate_size": 40,
      "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 8,
      "max_position_embeddings": 64})"},
    {"gpt2", R"({"model_type": "gpt2", "vocab_size": 60, "n_embd": 24, "n_layer": 2, "n_head": 3,
      "n_positions": 64})"},
    {"gpt2, scores scaled by layer",
     R"({"model_type": "gpt2", "vocab_size": 60, "n_embd": 24, "n_layer": 3,
      "n_head": 3, "n_inner": 20, "n_positions": 64, "scale_attn_by_inverse_layer_idx": true,
      "scale_attn_weights": false, "activation_function": "relu", "tie_word_embeddings": false})"},
    {"gpt_neox",
     R"({"model_type": "gpt_neox", "vocab_size": 60, "hidden_size": 24, "intermediate_size": 40,
      "num_hidden_layers": 2, "num_attention_heads": 3, "rotary_pct": 0.5, "max_position_embeddings": 64})"},
    {"gpt_neox, sequential", R"({"model_type": "gpt_neox", "vocab_size": 60, "hidden_size": 32,
      "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 2, "attention_bias": false,
      "use_parallel_residual": false, "max_position_embeddings": 64,
      "rope_parameters": {"rope_type": "default", "rope_theta": 5000, "partial_rotary_factor": 0.25}})"},
};

/// Random weights of a size that spreads the logits.
inline std::unique_ptr<CausalLm> random_family(const SmallFamily& family, std::uint64_t seed = 1) {
  RandomWeights weights{Seed(seed), 2};
  auto model = load_family(HfConfig::parse(family.config, family.label), weights);
  for (const auto& [name, weight] : model->parameters()) {
    const at::Tensor noise = at::empty(weight.sizes(), at::kFloat);
    fill_normal(Seed(seed).child("noise", name),
                {noise.data_ptr<float>(), static_cast<std::size_t>(noise.numel())}, 0.2F);
    weight.add_(noise);
  }
  return model;
}

}  // namespace fennec::test
