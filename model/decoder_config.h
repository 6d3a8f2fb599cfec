#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/activation.h"
#include "model/hf_config.h"
#include "model/norm.h"
#include "model/rope.h"

namespace fennec {

/// Sizes and variations of the decoders built like Llama: rotary positions, grouped-query attention, a
/// gated MLP, a norm in front of each. Defaults are those of Hugging Face's Llama.
struct DecoderConfig {
  std::int64_t vocab_size = 32000;
  std::int64_t hidden_size = 4096;
  std::int64_t intermediate_size = 11008;
  std::int64_t num_layers = 32;
  std::int64_t num_heads = 32;
  std::int64_t num_kv_heads = 0;  ///< 0: as many as heads
  std::int64_t head_dim = 0;      ///< 0: hidden_size / num_heads
  double rms_norm_eps = 1e-6;
  bool tied_head = false;  ///< logits through the embedding matrix
  bool attention_bias = false, output_bias = false, mlp_bias = false;  ///< q, k, v; o; gate, up, down
  bool query_key_norm = false;  ///< RMSNorm over each head's q and k before they are rotated
  NormKind::Form norm = NormKind::Form::kRms;
  Activation activation = Activation::kSilu;
  double embedding_scale = 1;
  std::int64_t sliding_window = 0;   ///< tokens; 0: every layer sees everything before it
  std::vector<bool> sliding_layers;  ///< [num_layers] which of them see the window only
  RopeConfig rope;
  std::int64_t bos_token_id = 1,
               eos_token_id = 2;  ///< written to config.json only; the tokenizer decides

  NormKind norm_kind() const { return {norm, rms_norm_eps}; }
};

/// Reads the keys that all of these families share over the defaults of one of them. Throws IoError
/// naming file and key of a value that is malformed or not supported.
DecoderConfig read_decoder_config(const HfConfig& config, DecoderConfig defaults);

/// `sliding_window` of the families that use one only where `use_sliding_window` says so, and then in
/// the layers that `layer_types` names, or from `max_window_layers` on.
void read_window_by_layer(const HfConfig& config, DecoderConfig& decoder);

}  // namespace fennec
