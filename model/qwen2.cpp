#include "model/decoder.h"

namespace fennec {

/// Qwen 2 and 2.5: Llama with biases on q, k and v, whatever the configuration says.
std::unique_ptr<CausalLm> load_qwen2(const HfConfig& hf, WeightSource& source) {
  DecoderConfig defaults;
  defaults.vocab_size = 151936;
  defaults.intermediate_size = 22016;
  defaults.num_kv_heads = 32;
  defaults.rope.max_positions = 32768;
  DecoderConfig c = read_decoder_config(hf, defaults);
  c.attention_bias = true;
  c.activation = read_activation(hf, "hidden_act", "silu");
  read_window_by_layer(hf, c);
  return load_decoder(c, hf, source);
}

}  // namespace fennec
