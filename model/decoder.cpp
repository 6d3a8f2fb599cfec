#include "model/decoder.h"

#include <utility>

#include <ATen/ATen.h>

#include "model/transformer.h"

namespace fennec {
namespace {

enum Linear : std::size_t { kQ, kK, kV, kO, kGate, kUp, kDown };
enum NormPlace : std::size_t { kInputNorm, kPostAttentionNorm, kQNorm, kKNorm };

std::string layer_path(std::int64_t index) { return "model.layers." + std::to_string(index) + "."; }

std::vector<Norm> take_norms(const DecoderConfig& c, WeightSource& source, const std::string& layer) {
  std::vector<Norm> norms = {
      take_norm(source, c.norm_kind(), layer + "input_layernorm", c.hidden_size),
      take_norm(source, c.norm_kind(), layer + "post_attention_layernorm", c.hidden_size)};
  if (c.query_key_norm)
    for (const char* name : {"self_attn.q_norm", "self_attn.k_norm"})
      norms.push_back(take_norm(source, c.norm_kind(), layer + name, c.head_dim));
  return norms;
}

std::vector<Projection> take_linears(const DecoderConfig& c, WeightSource& source,
                                     const std::string& layer) {
  const std::int64_t width = c.hidden_size, inner = c.intermediate_size,
                     queries = c.num_heads * c.head_dim, keys = c.num_kv_heads * c.head_dim;
  std::vector<Projection> linears;
  const auto add = [&](const char* name, std::int64_t in, std::int64_t out, bool has_bias) {
    linears.push_back(take_linear(source, layer + name, in, out, has_bias));
  };
  add("self_attn.q_proj", width, queries, c.attention_bias);
  add("self_attn.k_proj", width, keys, c.attention_bias);
  add("self_attn.v_proj", width, keys, c.attention_bias);
  add("self_attn.o_proj", queries, width, c.output_bias);
  add("mlp.gate_proj", width, inner, c.mlp_bias);
  add("mlp.up_proj", width, inner, c.mlp_bias);
  add("mlp.down_proj", inner, width, c.mlp_bias);
  return linears;
}

class DecoderBlock final : public TransformerBlock {
 public:
  DecoderBlock(const DecoderConfig& c, WeightSource& source, std::int64_t index)
      : TransformerBlock(take_norms(c, source, layer_path(index)),
                         take_linears(c, source, layer_path(index))),
        heads_(c.num_heads),
        kv_heads_(c.num_kv_heads),
        head_dim_(c.head_dim),
        activation_(c.activation),
        slides_(c.sliding_window > 0 && c.sliding_layers[static_cast<std::size_t>(index)]) {}

  at::Tensor forward(const at::Tensor& x, std::int64_t layer, const ForwardPass& pass) const override {
    const auto qkv = Projection::forward_normed(x, norms_[kInputNorm],
                                                {&linears_[kQ], &linears_[kK], &linears_[kV]});
    const at::Tensor h = linears_[kO].forward(attend(qkv, layer, pass), x);
    const auto gate_up =
        Projection::forward_normed(h, norms_[kPostAttentionNorm], {&linears_[kGate], &linears_[kUp]});
    return linears_[kDown].forward_gated(activation_, gate_up[0], gate_up[1], h);
  }

  std::unique_ptr<TransformerBlock> share() const override {
    return std::make_unique<DecoderBlock>(*this);
  }

 private:
  /// @param qkv [B·T, H·E], [B·T, K·E], [B·T, K·E]  @return [B·T, H·E]
  at::Tensor attend(const std::vector<at::Tensor>& qkv, std::int64_t layer,
                    const ForwardPass& pass) const {
    return attend_rotary(slides_ ? pass.sliding_attention : pass.attention, norm_heads(qkv[0], kQNorm),
                         norm_heads(qkv[1], kKNorm), qkv[2], {pass.batch, heads_, kv_heads_}, pass.rope,
                         layer, pass.cache);
  }

  /// @param x [N, heads·E], each head normalised on its own where the family does
  at::Tensor norm_heads(const at::Tensor& x, NormPlace place) const {
    if (place >= norms_.size()) return x;
    return norms_[place].forward(x.view({-1, head_dim_})).view(x.sizes());
  }

  std::int64_t heads_, kv_heads_, head_dim_;
  Activation activation_;
  bool slides_;
};

}  // namespace

std::unique_ptr<CausalLm> make_decoder(const DecoderConfig& c, WeightSource& source,
                                       std::string config_json) {
  TransformerFrame frame;
  frame.rope.emplace(c.rope, c.head_dim);
  frame.embedding = take_embedding(source, "model.embed_tokens", c.vocab_size, c.hidden_size);
  frame.embedding_scale = c.embedding_scale;
  TransformerBlocks blocks;
  for (std::int64_t i = 0; i < c.num_layers; ++i)
    blocks.push_back(std::make_unique<DecoderBlock>(c, source, i));
  frame.norm = take_norm(source, c.norm_kind(), "model.norm", c.hidden_size);
  if (!c.tied_head) frame.head = take_head(source, "lm_head", c.hidden_size, c.vocab_size);
  frame.kv_heads = c.num_kv_heads;
  frame.head_dim = c.head_dim;
  frame.max_positions = context_length(c.rope);
  frame.sliding_window = c.sliding_window;
  frame.config_json = std::move(config_json);
  return make_transformer(std::move(frame), std::move(blocks));
}

std::unique_ptr<CausalLm> load_decoder(const DecoderConfig& config, const HfConfig& hf,
                                       WeightSource& source) {
  auto model = make_decoder(config, source, hf.json_text());
  source.finish([&](const std::string& name) {
    return name.ends_with(".rotary_emb.inv_freq") || (config.tied_head && name == "lm_head.weight");
  });
  return model;
}

}  // namespace fennec
