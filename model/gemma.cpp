#include <cmath>

#include "model/decoder.h"

namespace fennec {

/// Gemma 1: Llama with embeddings scaled by √D, norms that scale by 1 + weight, GeGLU and a tied head.
std::unique_ptr<CausalLm> load_gemma(const HfConfig& hf, WeightSource& source) {
  DecoderConfig defaults;
  defaults.vocab_size = 256000;
  defaults.hidden_size = 3072;
  defaults.intermediate_size = 24576;
  defaults.num_layers = 28;
  defaults.num_heads = 16;
  defaults.num_kv_heads = 16;
  defaults.head_dim = 256;
  defaults.tied_head = true;
  defaults.rope.max_positions = 8192;
  DecoderConfig c = read_decoder_config(hf, defaults);
  if (hf.flag("use_bidirectional_attention", false))
    hf.refuse("use_bidirectional_attention", "is true: only causal models are supported");
  c.norm = NormKind::Form::kRmsAboutOne;
  c.attention_bias = c.output_bias = hf.flag("attention_bias", false);
  // `hidden_act` of the first releases says gelu and means its tanh form, so it is not read.
  c.activation = read_activation(hf, "hidden_activation", "gelu_pytorch_tanh");
  c.embedding_scale = std::sqrt(static_cast<double>(c.hidden_size));
  return load_decoder(c, hf, source);
}

}  // namespace fennec
