#include "model/transformer.h"

#include <utility>

#include <ATen/ATen.h>

#include "core/error.h"
#include "model/kv_cache.h"
#include "model/ops/lora_linear.h"
#include "model/ops/recompute.h"

namespace fennec {
namespace {

class Transformer final : public CausalLm {
 public:
  Transformer(TransformerFrame frame, TransformerBlocks blocks)
      : frame_(std::move(frame)), blocks_(std::move(blocks)) {}

  at::Tensor hidden(const TokenBatch& batch, KvCache* cache) const override {
    FENNEC_CHECK(cache == nullptr || !batch.states.defined(), "a cache holds every layer");
    const at::Tensor x = through_layers(batch, layers(), cache);
    return frame_.norm.forward(x).view({batch.ids.size(0), batch.ids.size(1), -1});
  }

  at::Tensor states_before(const TokenBatch& batch, std::int64_t layer) const override {
    FENNEC_CHECK(layer >= 0 && layer <= layers());
    return through_layers(batch, layer, nullptr);
  }

  at::Tensor head(const at::Tensor& h) const override {
    if (has_own_head()) return frame_.head.forward(h);
    return lora_linear(h, {frame_.embedding.frozen(), {}, {}, {}, 1});
  }

  FrozenWeight head_weight() const override {
    if (!has_own_head()) return frame_.embedding.frozen();
    return frame_.head.is_adapted() ? FrozenWeight() : frame_.head.frozen();
  }

  void set_gradient_checkpointing(bool on) override { gradient_checkpointing_ = on; }

  std::unique_ptr<CausalLm> share() const override {
    TransformerBlocks blocks;
    for (const auto& block : blocks_) blocks.push_back(block->share());
    auto model = std::make_unique<Transformer>(frame_, std::move(blocks));
    for (Projection* projection : model->projections()) projection->detach();
    model->frame_.embedding.detach();
    model->frame_.head.detach();
    return model;
  }

  std::vector<Projection*> projections() override {
    std::vector<Projection*> all;
    for (const auto& block : blocks_)
      for (Projection& projection : block->linears()) all.push_back(&projection);
    return all;
  }

  Embedding* embedding() override { return &frame_.embedding; }
  Projection* output_head() override { return has_own_head() ? &frame_.head : nullptr; }

  std::vector<std::pair<std::string, at::Tensor>> parameters() const override {
    NamedTensors all = {{frame_.embedding.module() + ".weight", frame_.embedding.weight()}};
    if (frame_.positions.second.defined()) all.push_back(frame_.positions);
    for (const auto& block : blocks_) {
      for (const Norm& norm : block->norms()) norm.list(all);
      for (const Projection& projection : block->linears()) {
        all.emplace_back(projection.module() + ".weight", projection.stored_weight());
        if (projection.bias().defined())
          all.emplace_back(projection.module() + ".bias", projection.bias());
      }
    }
    frame_.norm.list(all);
    if (has_own_head()) all.emplace_back(frame_.head.module() + ".weight", frame_.head.weight());
    return all;
  }

  std::int64_t layers() const override { return static_cast<std::int64_t>(blocks_.size()); }
  std::int64_t width() const override { return frame_.embedding.frozen().in_features(); }
  std::int64_t kv_heads() const override { return frame_.kv_heads; }
  std::int64_t head_dim() const override { return frame_.head_dim; }
  std::int64_t vocab_size() const override { return frame_.embedding.frozen().out_features(); }
  std::int64_t max_positions() const override { return frame_.max_positions; }
  std::string config_json() const override { return frame_.config_json; }

 private:
  bool has_own_head() const { return frame_.head.frozen().defined(); }

  /// What enters layer `end`.  @return [B·T, D]
  at::Tensor through_layers(const TokenBatch& batch, std::int64_t end, KvCache* cache) const {
    FENNEC_CHECK(batch.ids.dim() == 2 && batch.ids.scalar_type() == at::kLong,
                 "ids must be [B, T] int64");
    const at::Tensor positions = positions_of(batch, cache);
    const ForwardPass pass = begin(batch, positions, cache);
    const bool enters_late = batch.states.defined();
    at::Tensor x = enters_late ? batch.states : embed(batch.ids, positions);  // [B·T, D]
    FENNEC_CHECK(x.size(0) == batch.ids.numel() && x.size(1) == width());
    const bool recomputes = gradient_checkpointing_ && cache == nullptr;
    for (std::int64_t i = enters_late ? batch.first_layer : 0; i < end; ++i)
      x = recomputes ? forward_recomputed(static_cast<std::size_t>(i), x, pass)
                     : blocks_[static_cast<std::size_t>(i)]->forward(x, i, pass);
    return x;
  }

  /// [T] or [B, T]
  static at::Tensor positions_of(const TokenBatch& batch, const KvCache* cache) {
    if (batch.positions.defined()) return batch.positions;
    const std::int64_t seen = cache ? cache->length() : 0;
    return at::arange(seen, seen + batch.ids.size(1), at::kLong);
  }

  ForwardPass begin(const TokenBatch& batch, const at::Tensor& positions, KvCache* cache) const {
    ForwardPass pass{batch.ids.size(0), {}, plan_attention(batch, positions, cache), {}, cache};
    if (frame_.rope) pass.rope = frame_.rope->table(positions);
    if (frame_.sliding_window > 0)
      pass.sliding_attention =
          within_window(pass.attention, batch, positions, cache, frame_.sliding_window);
    return pass;
  }

  at::Tensor embed(const at::Tensor& ids, const at::Tensor& positions) const {
    at::Tensor x = frame_.embedding.forward(ids.flatten());
    if (frame_.embedding_scale != 1) x = x * frame_.embedding_scale;
    const at::Tensor& learned = frame_.positions.second;
    if (!learned.defined()) return x;
    if (positions.numel() > 0 && positions.max().item<std::int64_t>() >= learned.size(0))
      throw ConfigError("a text of more than " + std::to_string(learned.size(0)) +
                        " tokens: the model has learned no more positions; lower "
                        "train.max_sequence_tokens or --max-tokens");
    return x + at::embedding(learned, positions.expand(ids.sizes()).flatten());
  }

  at::Tensor forward_recomputed(std::size_t index, const at::Tensor& x, const ForwardPass& pass) const {
    const TransformerBlock& block = *blocks_[index];
    const auto layer = static_cast<std::int64_t>(index);
    return recompute_in_backward(
        [&block, layer, pass](const at::Tensor& input) { return block.forward(input, layer, pass); }, x,
        block.is_trainable());
  }

  TransformerFrame frame_;
  TransformerBlocks blocks_;
  bool gradient_checkpointing_ = false;
};

}  // namespace

std::unique_ptr<CausalLm> make_transformer(TransformerFrame frame, TransformerBlocks blocks) {
  return std::make_unique<Transformer>(std::move(frame), std::move(blocks));
}

}  // namespace fennec
