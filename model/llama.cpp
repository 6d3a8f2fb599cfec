#include "model/llama.h"

#include <array>
#include <cmath>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "core/error.h"
#include "model/attention_plan.h"
#include "model/kv_cache.h"
#include "model/ops/rms_norm.h"
#include "model/ops/rope.h"
#include "model/ops/swiglu.h"

namespace fennec {
namespace {

/// Where weights come from: a checkpoint, or random numbers.
using WeightSource =
    std::function<at::Tensor(const std::string& name, const std::vector<std::int64_t>& shape)>;

struct LlamaBlock {
  at::Tensor input_norm, post_attention_norm;  // [D]
  Projection q, k, v, o, gate, up, down;

  std::array<Projection*, 7> projections() { return {&q, &k, &v, &o, &gate, &up, &down}; }
  std::array<const Projection*, 7> projections() const { return {&q, &k, &v, &o, &gate, &up, &down}; }
};

/// What every layer of one forward pass shares.
struct LlamaPass {
  std::int64_t batch;
  RopeTable table;
  AttentionPlan plan;
  KvCache* cache;
};

LlamaBlock make_block(const LlamaConfig& c, const WeightSource& source, std::int64_t index) {
  const std::string layer = "model.layers." + std::to_string(index) + ".";
  const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out, bool has_bias) {
    at::Tensor weight = source(layer + name + ".weight", {out, in});
    return Projection(layer + name, std::move(weight),
                      has_bias ? source(layer + name + ".bias", {out}) : at::Tensor());
  };
  const std::int64_t width = c.hidden_size, queries = c.num_heads * c.head_dim,
                     keys = c.num_kv_heads * c.head_dim;
  LlamaBlock block;
  block.input_norm = source(layer + "input_layernorm.weight", {width});
  block.q = linear("self_attn.q_proj", width, queries, c.attention_bias);
  block.k = linear("self_attn.k_proj", width, keys, c.attention_bias);
  block.v = linear("self_attn.v_proj", width, keys, c.attention_bias);
  block.o = linear("self_attn.o_proj", queries, width, c.attention_bias);
  block.post_attention_norm = source(layer + "post_attention_layernorm.weight", {width});
  block.gate = linear("mlp.gate_proj", width, c.intermediate_size, c.mlp_bias);
  block.up = linear("mlp.up_proj", width, c.intermediate_size, c.mlp_bias);
  block.down = linear("mlp.down_proj", c.intermediate_size, width, c.mlp_bias);
  return block;
}

class Llama final : public CausalLm {
 public:
  Llama(LlamaConfig config, const WeightSource& source)
      : config_(std::move(config)), rope_(config_.rope, config_.head_dim) {
    embedding_ = source("model.embed_tokens.weight", {config_.vocab_size, config_.hidden_size});
    for (std::int64_t i = 0; i < config_.num_layers; ++i)
      blocks_.push_back(make_block(config_, source, i));
    norm_ = source("model.norm.weight", {config_.hidden_size});
    if (!config_.tied_head) head_ = source("lm_head.weight", {config_.vocab_size, config_.hidden_size});
  }

  at::Tensor hidden(const TokenBatch& batch, KvCache* cache) const override {
    FENNEC_CHECK(batch.ids.dim() == 2 && batch.ids.scalar_type() == at::kLong,
                 "ids must be [B, T] int64");
    const LlamaPass pass = begin(batch, cache);
    at::Tensor x = at::embedding(embedding_, batch.ids.flatten());  // [B·T, D]
    for (std::size_t i = 0; i < blocks_.size(); ++i)
      x = forward(blocks_[i], static_cast<std::int64_t>(i), x, pass);
    return rms_norm(x, norm_, config_.rms_norm_eps).view({batch.ids.size(0), batch.ids.size(1), -1});
  }

  at::Tensor head(const at::Tensor& h) const override {
    return at::mm(h, (config_.tied_head ? embedding_ : head_).t());
  }

  std::unique_ptr<CausalLm> share() const override {
    auto model = std::make_unique<Llama>(*this);
    for (Projection* projection : model->projections()) projection->detach();
    return model;
  }

  std::vector<Projection*> projections() override {
    std::vector<Projection*> all;
    for (LlamaBlock& block : blocks_)
      for (Projection* projection : block.projections()) all.push_back(projection);
    return all;
  }

  std::vector<std::pair<std::string, at::Tensor>> parameters() const override {
    std::vector<std::pair<std::string, at::Tensor>> all = {{"model.embed_tokens.weight", embedding_}};
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const LlamaBlock& block = blocks_[i];
      const std::string layer = "model.layers." + std::to_string(i) + ".";
      all.emplace_back(layer + "input_layernorm.weight", block.input_norm);
      all.emplace_back(layer + "post_attention_layernorm.weight", block.post_attention_norm);
      for (const Projection* projection : block.projections()) {
        all.emplace_back(projection->module() + ".weight", projection->weight());
        if (projection->bias().defined())
          all.emplace_back(projection->module() + ".bias", projection->bias());
      }
    }
    all.emplace_back("model.norm.weight", norm_);
    if (head_.defined()) all.emplace_back("lm_head.weight", head_);
    return all;
  }

  std::int64_t layers() const override { return config_.num_layers; }
  std::int64_t kv_heads() const override { return config_.num_kv_heads; }
  std::int64_t head_dim() const override { return config_.head_dim; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t max_positions() const override { return config_.rope.max_positions; }
  std::string config_json() const override { return to_config_json(config_); }

 private:
  LlamaPass begin(const TokenBatch& batch, KvCache* cache) const {
    const std::int64_t seen = cache ? cache->length() : 0, tokens = batch.ids.size(1);
    const at::Tensor positions =
        batch.positions.defined() ? batch.positions : at::arange(seen, seen + tokens, at::kLong);
    return {batch.ids.size(0), rope_.table(positions), plan_attention(batch, cache), cache};
  }

  /// @param x [B·T, D]  @return [B·T, D]
  at::Tensor forward(const LlamaBlock& block, std::int64_t layer, const at::Tensor& x,
                     const LlamaPass& pass) const {
    const at::Tensor h =
        x + attend(block, layer, rms_norm(x, block.input_norm, config_.rms_norm_eps), pass);
    const at::Tensor m = rms_norm(h, block.post_attention_norm, config_.rms_norm_eps);
    return h + block.down.forward(swiglu(block.gate.forward(m), block.up.forward(m)));
  }

  at::Tensor attend(const LlamaBlock& block, std::int64_t layer, const at::Tensor& x,
                    const LlamaPass& pass) const {
    const at::Tensor q =
        split_heads(block.q.forward(x), pass.batch, config_.num_heads, pass.table);  // [B, H, T, E]
    const at::Tensor k =
        split_heads(block.k.forward(x), pass.batch, config_.num_kv_heads, pass.table);  // [B, K, T, E]
    const at::Tensor v = split_heads(block.v.forward(x), pass.batch, config_.num_kv_heads, RopeTable{});
    return block.o.forward(fennec::attend(pass.plan, q, k, v, layer, pass.cache));
  }

  LlamaConfig config_;
  Rope rope_;
  at::Tensor embedding_, norm_, head_;
  std::vector<LlamaBlock> blocks_;
};

bool is_residual_output(const std::string& name) {
  return name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
}

}  // namespace

std::unique_ptr<CausalLm> load_llama(const HfConfig& config, Checkpoint& checkpoint) {
  const LlamaConfig sizes = read_llama_config(config);
  auto model = std::make_unique<Llama>(
      sizes, [&](const std::string& name, const std::vector<std::int64_t>& shape) {
        return checkpoint.take(name, shape);
      });
  checkpoint.finish([&](const std::string& name) {
    return name.ends_with(".rotary_emb.inv_freq") || (sizes.tied_head && name == "lm_head.weight");
  });
  return model;
}

std::unique_ptr<CausalLm> new_llama(const LlamaConfig& config, Seed seed) {
  const auto residual_scale = 1 / std::sqrt(2 * static_cast<double>(config.num_layers));
  return std::make_unique<Llama>(config, [&](const std::string& name,
                                             const std::vector<std::int64_t>& shape) {
    if (name.ends_with(".bias")) return at::zeros(shape, at::kFloat);
    if (shape.size() == 1) return at::ones(shape, at::kFloat);
    at::Tensor weight = at::empty(shape, at::kFloat);
    const std::span<float> values(weight.data_ptr<float>(), static_cast<std::size_t>(weight.numel()));
    fill_normal(seed.child("init", name), values,
                static_cast<float>(0.02 * (is_residual_output(name) ? residual_scale : 1)));
    return weight;
  });
}

}  // namespace fennec
