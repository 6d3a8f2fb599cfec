#include "model/llama_config.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace fennec {
namespace {

void check(const HfConfig& hf, const LlamaConfig& c) {
  if (!hf.has("head_dim") && c.hidden_size % c.num_heads != 0)
    hf.refuse("num_attention_heads", "does not divide hidden_size, and there is no head_dim");
  if (c.num_heads % c.num_kv_heads != 0)
    hf.refuse("num_key_value_heads", "does not divide num_attention_heads");
  if (c.head_dim % 2 != 0) hf.refuse("head_dim", "must be even");
  if (!(c.rms_norm_eps > 0)) hf.refuse("rms_norm_eps", "must be positive");
  if (c.rope.partial_rotary_factor != 1)
    hf.refuse("partial_rotary_factor", "must be 1 for this family");
  const std::string activation = hf.text("hidden_act", "silu");
  if (activation != "silu" && activation != "swish")
    hf.refuse("hidden_act", "must be silu for this family, is " + activation);
}

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

LlamaConfig read_llama_config(const HfConfig& hf) {
  LlamaConfig c;
  c.vocab_size = hf.size("vocab_size", c.vocab_size);
  c.hidden_size = hf.size("hidden_size", c.hidden_size);
  c.intermediate_size = hf.size("intermediate_size", c.intermediate_size);
  c.num_layers = hf.size("num_hidden_layers", c.num_layers);
  c.num_heads = hf.size("num_attention_heads", c.num_heads);
  c.num_kv_heads = hf.size("num_key_value_heads", c.num_heads);
  c.head_dim = hf.size("head_dim", c.hidden_size / c.num_heads);
  c.rms_norm_eps = hf.number("rms_norm_eps", c.rms_norm_eps);
  c.tied_head = hf.flag("tie_word_embeddings", c.tied_head);
  c.attention_bias = hf.flag("attention_bias", c.attention_bias);
  c.mlp_bias = hf.flag("mlp_bias", c.mlp_bias);
  c.rope = hf.rope();
  check(hf, c);
  return c;
}

std::string to_config_json(const LlamaConfig& c) {
  const nlohmann::json json = {
      {"architectures", {"LlamaForCausalLM"}},
      {"model_type", "llama"},
      {"vocab_size", c.vocab_size},
      {"hidden_size", c.hidden_size},
      {"intermediate_size", c.intermediate_size},
      {"num_hidden_layers", c.num_layers},
      {"num_attention_heads", c.num_heads},
      {"num_key_value_heads", c.num_kv_heads},
      {"head_dim", c.head_dim},
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
  return json.dump(2) + "\n";
}

}  // namespace fennec
