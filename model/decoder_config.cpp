#include "model/decoder_config.h"

namespace fennec {
namespace {

constexpr std::int64_t kMaxLayers = 65536;

void check(const HfConfig& hf, const DecoderConfig& c) {
  if (c.num_layers > kMaxLayers) hf.refuse("num_hidden_layers", "is out of range");
  if (c.num_heads % c.num_kv_heads != 0)
    hf.refuse("num_key_value_heads", "does not divide num_attention_heads");
  if (c.head_dim % 2 != 0) hf.refuse("head_dim", "must be even");
  if (!(c.rms_norm_eps > 0)) hf.refuse("rms_norm_eps", "must be positive");
  if (c.rope.partial_rotary_factor != 1)
    hf.refuse("partial_rotary_factor", "must be 1 for this family");
}

std::int64_t read_head_dim(const HfConfig& hf, const DecoderConfig& c) {
  if (hf.has("head_dim")) return hf.size("head_dim", 0);
  if (c.head_dim != 0) return c.head_dim;
  if (c.hidden_size % c.num_heads != 0)
    hf.refuse("num_attention_heads", "does not divide hidden_size, and there is no head_dim");
  return c.hidden_size / c.num_heads;
}

std::int64_t read_kv_heads(const HfConfig& hf, const DecoderConfig& c) {
  const bool as_heads = hf.is_null("num_key_value_heads") || c.num_kv_heads == 0;
  return hf.size("num_key_value_heads", as_heads ? c.num_heads : c.num_kv_heads);
}

}  // namespace

DecoderConfig read_decoder_config(const HfConfig& hf, DecoderConfig c) {
  c.vocab_size = hf.size("vocab_size", c.vocab_size);
  c.hidden_size = hf.size("hidden_size", c.hidden_size);
  c.intermediate_size = hf.size("intermediate_size", c.intermediate_size);
  c.num_layers = hf.size("num_hidden_layers", c.num_layers);
  c.num_heads = hf.size("num_attention_heads", c.num_heads);
  c.num_kv_heads = read_kv_heads(hf, c);
  c.head_dim = read_head_dim(hf, c);
  c.rms_norm_eps = hf.number("rms_norm_eps", c.rms_norm_eps);
  c.tied_head = hf.flag("tie_word_embeddings", c.tied_head);
  c.rope = hf.rope(c.rope);
  check(hf, c);
  return c;
}

void read_window_by_layer(const HfConfig& hf, DecoderConfig& c) {
  c.sliding_window = 0;
  if (!hf.flag("use_sliding_window", false) || hf.is_null("sliding_window")) return;
  c.sliding_window = hf.size("sliding_window", 4096);
  const auto layers = static_cast<std::size_t>(c.num_layers);
  c.sliding_layers.assign(layers, false);
  if (!hf.has("layer_types")) {
    const std::int64_t first = hf.integer("max_window_layers", 28);
    for (std::size_t i = 0; i < layers; ++i)
      c.sliding_layers[i] = static_cast<std::int64_t>(i) >= first;
    return;
  }
  const auto types = hf.texts("layer_types");
  if (types.size() != layers) hf.refuse("layer_types", "must name each of the layers");
  for (std::size_t i = 0; i < layers; ++i) {
    c.sliding_layers[i] = types[i] == "sliding_attention";
    if (!c.sliding_layers[i] && types[i] != "full_attention")
      hf.refuse("layer_types",
                "names '" + types[i] + "'; supported: full_attention, sliding_attention");
  }
}

}  // namespace fennec
