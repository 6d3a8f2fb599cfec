#pragma once
#include <cstdint>
#include <string>

#include "model/hf_config.h"
#include "model/rope.h"

namespace fennec {

/// The sizes of a Llama, with Hugging Face's defaults.
struct LlamaConfig {
  std::int64_t vocab_size = 32000;
  std::int64_t hidden_size = 4096;
  std::int64_t intermediate_size = 11008;
  std::int64_t num_layers = 32;
  std::int64_t num_heads = 32;
  std::int64_t num_kv_heads = 32;
  std::int64_t head_dim = 128;
  double rms_norm_eps = 1e-6;
  bool tied_head = false;  ///< logits through the embedding matrix
  bool attention_bias = false, mlp_bias = false;
  RopeConfig rope;
  std::int64_t bos_token_id = 1,
               eos_token_id = 2;  ///< written to config.json only; the tokenizer decides
};

/// Throws IoError naming file and key of a value that is malformed or not supported.
LlamaConfig read_llama_config(const HfConfig& config);

/// config.json as Hugging Face writes it, `torch_dtype` left to the writer of the weights.
std::string to_config_json(const LlamaConfig& config);

}  // namespace fennec
