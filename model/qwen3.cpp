#include "model/decoder.h"

namespace fennec {

/// Qwen 3 (dense): Llama with an RMSNorm over each head's q and k, and heads 128 wide unless told
/// otherwise.
std::unique_ptr<CausalLm> load_qwen3(const HfConfig& hf, WeightSource& source) {
  DecoderConfig defaults;
  defaults.vocab_size = 151936;
  defaults.intermediate_size = 22016;
  defaults.num_kv_heads = 32;
  defaults.head_dim = 128;
  defaults.rope.max_positions = 32768;
  DecoderConfig c = read_decoder_config(hf, defaults);
  c.query_key_norm = true;
  c.attention_bias = c.output_bias = hf.flag("attention_bias", false);
  c.activation = read_activation(hf, "hidden_act", "silu");
  read_window_by_layer(hf, c);
  return load_decoder(c, hf, source);
}

}  // namespace fennec
