#include "model/llama.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/decoder.h"
#include "model/random_weights.h"

namespace fennec {
namespace {

nlohmann::json to_json(const RopeConfig& rope) {
  if (rope.type == "default") return nullptr;
  nlohmann::json json = {{"rope_type", rope.type}, {"factor", rope.factor}};
  if (rope.original_max_positions > 0)
    json["original_max_position_embeddings"] = rope.original_max_positions;
  if (rope.type == "llama3") {
    json["low_freq_factor"] = rope.low_freq_factor;
    json["high_freq_factor"] = rope.high_freq_factor;
  }
  if (rope.type == "yarn") {
    json["beta_fast"] = rope.beta_fast;
    json["beta_slow"] = rope.beta_slow;
    json["truncate"] = rope.truncate;
    if (rope.attention_factor) json["attention_factor"] = *rope.attention_factor;
    if (rope.mscale) json["mscale"] = *rope.mscale;
    if (rope.mscale_all_dim) json["mscale_all_dim"] = *rope.mscale_all_dim;
  }
  return json;
}

}  // namespace

/// Llama 2 and 3.x and everything built like them.
std::unique_ptr<CausalLm> load_llama(const HfConfig& hf, WeightSource& source) {
  DecoderConfig c = read_decoder_config(hf, {});
  c.attention_bias = c.output_bias = hf.flag("attention_bias", false);
  c.mlp_bias = hf.flag("mlp_bias", false);
  c.activation = read_activation(hf, "hidden_act", "silu");
  return load_decoder(c, hf, source);
}

std::unique_ptr<CausalLm> new_llama(const LlamaConfig& config, Seed seed) {
  const std::string text = to_config_json(config);
  RandomWeights weights(seed, config.num_layers);
  return load_llama(HfConfig::parse(text, "a new Llama"), weights);
}

std::string to_config_json(const LlamaConfig& c) {
  FENNEC_CHECK(c.attention_bias == c.output_bias);
  nlohmann::json config = {
      {"architectures", {"LlamaForCausalLM"}},
      {"model_type", "llama"},
      {"vocab_size", c.vocab_size},
      {"hidden_size", c.hidden_size},
      {"intermediate_size", c.intermediate_size},
      {"num_hidden_layers", c.num_layers},
      {"num_attention_heads", c.num_heads},
      {"num_key_value_heads", c.num_kv_heads == 0 ? c.num_heads : c.num_kv_heads},
      {"head_dim", c.head_dim == 0 ? c.hidden_size / c.num_heads : c.head_dim},
      {"rms_norm_eps", c.rms_norm_eps},
      {"tie_word_embeddings", c.tied_head},
      {"attention_bias", c.attention_bias},
      {"mlp_bias", c.mlp_bias},
      {"max_position_embeddings", c.rope.max_positions},
      {"rope_theta", c.rope.theta},
      {"rope_scaling", to_json(c.rope)},
      {"hidden_act", "silu"},
      {"attention_dropout", 0.0},
      {"initializer_range", 0.02},
      {"bos_token_id", c.bos_token_id},
      {"eos_token_id", c.eos_token_id},
      {"use_cache", true},
  };
  return config.dump(2) + "\n";
}

}  // namespace fennec
