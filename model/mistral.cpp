#include "model/decoder.h"

namespace fennec {

/// Llama without biases; layers see `sliding_window` tokens, absent 4096, null all of them.
std::unique_ptr<CausalLm> load_mistral(const HfConfig& hf, WeightSource& source) {
  DecoderConfig defaults;
  defaults.intermediate_size = 14336;
  defaults.num_kv_heads = 8;
  defaults.rope.max_positions = 131072;
  DecoderConfig c = read_decoder_config(hf, defaults);
  c.activation = read_activation(hf, "hidden_act", "silu");
  if (!hf.is_null("sliding_window")) {
    c.sliding_window = hf.size("sliding_window", 4096);
    c.sliding_layers.assign(static_cast<std::size_t>(c.num_layers), true);
  }
  return load_decoder(c, hf, source);
}

}  // namespace fennec
