#include "model/model_shape.h"

#include <initializer_list>
#include <string>

#include "core/checkpoint_files.h"
#include "model/activation.h"
#include "model/hf_config.h"

namespace fennec {
namespace {

/// The first of several names that families have for a size; 0: it must be there.
std::int64_t size_of(const HfConfig& config, std::initializer_list<const char*> names,
                     std::int64_t fallback) {
  for (const char* name : names)
    if (config.has(name)) return config.size(name, 0);
  if (fallback == 0) config.refuse(*names.begin(), "is missing");
  return fallback;
}

/// Whether some tensor is called so, with whatever comes before it.
bool has_tensor(const CheckpointFiles& files, const std::string& tail) {
  for (const auto& [name, tensor] : files.tensors())
    if (name.ends_with(tail)) return true;
  return false;
}

bool is_tied(const HfConfig& config, const CheckpointFiles& files) {
  if (config.has("tie_word_embeddings")) return config.flag("tie_word_embeddings", false);
  return !has_tensor(files, "lm_head.weight") && !has_tensor(files, "embed_out.weight");
}

ModelShape::Mlp mlp_of(const HfConfig& config, const CheckpointFiles& files) {
  if (!has_tensor(files, "gate_proj.weight")) return ModelShape::Mlp::kPlain;
  const bool is_gemma = config.family().model_type == "gemma";
  return !is_gemma && read_activation(config, "hidden_act", "silu") == Activation::kSilu
             ? ModelShape::Mlp::kSwiGlu
             : ModelShape::Mlp::kGated;
}

}  // namespace

std::int64_t ModelShape::linear_parameters() const {
  const std::int64_t queries = heads * head_width, keys = kv_heads * head_width;
  return layers *
         (2 * width * queries + 2 * width * keys + (mlp == Mlp::kPlain ? 2 : 3) * width * intermediate);
}

ModelShape read_model_shape(const std::filesystem::path& base) {
  const HfConfig config = HfConfig::read(base);
  const CheckpointFiles files = CheckpointFiles::open(base);
  ModelShape shape;
  shape.layers = size_of(config, {"num_hidden_layers", "n_layer"}, 0);
  shape.width = size_of(config, {"hidden_size", "n_embd"}, 0);
  shape.heads = size_of(config, {"num_attention_heads", "n_head"}, 0);
  shape.kv_heads = size_of(config, {"num_key_value_heads"}, shape.heads);
  shape.head_width = size_of(config, {"head_dim"}, shape.width / shape.heads);
  shape.intermediate = size_of(config, {"intermediate_size", "n_inner"}, 4 * shape.width);
  shape.vocabulary = size_of(config, {"vocab_size"}, 0);
  shape.tied_head = is_tied(config, files);
  shape.mlp = mlp_of(config, files);
  shape.parallel =
      config.family().model_type == "gpt_neox" && config.flag("use_parallel_residual", true);
  shape.head_norms = has_tensor(files, "self_attn.q_norm.weight");
  shape.fused_norms = !has_tensor(files, "layernorm.bias") && !has_tensor(files, "ln_1.bias");
  return shape;
}

}  // namespace fennec
