#include <utility>

#include <ATen/ATen.h>

#include "model/activation.h"
#include "model/transformer.h"
#include "model/weight_source.h"

namespace fennec {
namespace {

struct GptNeoXConfig {
  std::int64_t vocab_size, width, layers, heads, inner, rotary_dim;
  double layer_norm_eps;
  Activation activation;
  bool tied_head, attention_bias, is_parallel;
  RopeConfig rope;

  NormKind norm_kind() const { return {NormKind::Form::kLayer, layer_norm_eps}; }
};

GptNeoXConfig read_gpt_neox_config(const HfConfig& hf) {
  GptNeoXConfig c{};
  c.vocab_size = hf.size("vocab_size", 50432);
  c.width = hf.size("hidden_size", 6144);
  c.layers = hf.size("num_hidden_layers", 44);
  c.heads = hf.size("num_attention_heads", 64);
  c.inner = hf.size("intermediate_size", 24576);
  c.layer_norm_eps = hf.number("layer_norm_eps", 1e-5);
  c.activation = read_activation(hf, "hidden_act", "gelu");
  c.tied_head = hf.flag("tie_word_embeddings", false);
  c.attention_bias = hf.flag("attention_bias", true);
  c.is_parallel = hf.flag("use_parallel_residual", true);
  RopeConfig defaults;
  defaults.partial_rotary_factor = hf.number("rotary_pct", 0.25);
  defaults.theta = hf.number("rotary_emb_base", defaults.theta);
  c.rope = hf.rope(defaults);
  if (c.width % c.heads != 0) hf.refuse("num_attention_heads", "does not divide hidden_size");
  if (!(c.layer_norm_eps > 0)) hf.refuse("layer_norm_eps", "must be positive");
  c.rotary_dim = rotary_dim(c.rope, c.width / c.heads);
  if (c.rotary_dim < 2 || c.rotary_dim % 2 != 0)
    hf.refuse("rotary_pct", "must make an even number of dimensions of a head rotate, makes " +
                                std::to_string(c.rotary_dim));
  return c;
}

enum Linear : std::size_t { kQkv, kAttentionOut, kUp, kDown };
enum NormPlace : std::size_t { kInputNorm, kPostAttentionNorm };

std::string layer_path(std::int64_t index) { return "gpt_neox.layers." + std::to_string(index) + "."; }

class GptNeoXBlock final : public TransformerBlock {
 public:
  GptNeoXBlock(const GptNeoXConfig& c, WeightSource& source, std::int64_t index)
      : TransformerBlock(take_norms(c, source, layer_path(index)),
                         take_linears(c, source, layer_path(index))),
        heads_(c.heads),
        activation_(c.activation),
        is_parallel_(c.is_parallel) {}

  at::Tensor forward(const at::Tensor& x, std::int64_t layer, const ForwardPass& pass) const override {
    const at::Tensor h =
        linears_[kAttentionOut].forward(attend(norms_[kInputNorm].forward(x), layer, pass), x);
    const at::Tensor m = norms_[kPostAttentionNorm].forward(is_parallel_ ? x : h);
    return linears_[kDown].forward(activate(activation_, linears_[kUp].forward(m)), h);
  }

  std::unique_ptr<TransformerBlock> share() const override {
    return std::make_unique<GptNeoXBlock>(*this);
  }

 private:
  static std::vector<Norm> take_norms(const GptNeoXConfig& c, WeightSource& source,
                                      const std::string& layer) {
    return {take_norm(source, c.norm_kind(), layer + "input_layernorm", c.width),
            take_norm(source, c.norm_kind(), layer + "post_attention_layernorm", c.width)};
  }
  static std::vector<Projection> take_linears(const GptNeoXConfig& c, WeightSource& source,
                                              const std::string& layer) {
    std::vector<Projection> linears;
    const auto add = [&](const char* name, std::int64_t in, std::int64_t out, bool has_bias) {
      linears.push_back(take_linear(source, layer + name, in, out, has_bias));
    };
    add("attention.query_key_value", c.width, 3 * c.width, c.attention_bias);
    add("attention.dense", c.width, c.width, c.attention_bias);
    add("mlp.dense_h_to_4h", c.width, c.inner, true);
    add("mlp.dense_4h_to_h", c.inner, c.width, true);
    return linears;
  }

  at::Tensor attend(const at::Tensor& x, std::int64_t layer, const ForwardPass& pass) const {
    const std::int64_t tokens = x.size(0), width = x.size(1);
    const at::Tensor qkv = linears_[kQkv].forward(x).view({tokens, heads_, 3, -1});  // q|k|v a head
    const auto parts = qkv.unbind(2);                                                // [N, H, E] each
    const auto part = [&](std::size_t i) { return parts[i].reshape({tokens, width}); };
    return attend_rotary(pass.attention, part(0), part(1), part(2), {pass.batch, heads_, heads_},
                         pass.rope, layer, pass.cache);
  }

  std::int64_t heads_;
  Activation activation_;
  bool is_parallel_;
};

bool is_ignored(const std::string& name, bool tied_head) {
  return name.ends_with(".rotary_emb.inv_freq") || name.ends_with(".attention.bias") ||
         name.ends_with(".attention.masked_bias") || (tied_head && name == "embed_out.weight");
}

}  // namespace

/// GPT-NeoX (Pythia): layer norms, one fused linear of q|k|v head by head, part of each head rotated, a
/// plain MLP beside the attention (parallel residual) or after it.
std::unique_ptr<CausalLm> load_gpt_neox(const HfConfig& hf, WeightSource& source) {
  const GptNeoXConfig c = read_gpt_neox_config(hf);
  TransformerFrame frame;
  frame.rope.emplace(c.rope, c.rotary_dim);
  frame.embedding = take_embedding(source, "gpt_neox.embed_in", c.vocab_size, c.width);
  TransformerBlocks blocks;
  for (std::int64_t i = 0; i < c.layers; ++i)
    blocks.push_back(std::make_unique<GptNeoXBlock>(c, source, i));
  frame.norm = take_norm(source, c.norm_kind(), "gpt_neox.final_layer_norm", c.width);
  if (!c.tied_head) frame.head = take_head(source, "embed_out", c.width, c.vocab_size);
  frame.kv_heads = c.heads;
  frame.head_dim = c.width / c.heads;
  frame.max_positions = context_length(c.rope);
  frame.config_json = hf.json_text();
  source.finish([&](const std::string& name) { return is_ignored(name, c.tied_head); });
  return make_transformer(std::move(frame), std::move(blocks));
}

}  // namespace fennec
