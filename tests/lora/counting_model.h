#pragma once
#include <memory>
#include <utility>
#include <vector>

#include <ATen/core/grad_mode.h>

#include "model/causal_lm.h"

namespace fennec::test {

/// A model that counts its forward passes, and those that could have been followed by a backward pass.
class CountingModel final : public CausalLm {
 public:
  explicit CountingModel(CausalLm& model) : model_(model) {}

  at::Tensor hidden(const TokenBatch& batch, KvCache* cache = nullptr) const override {
    ++forwards;
    with_graph += at::GradMode::is_enabled() ? 1 : 0;
    return model_.hidden(batch, cache);
  }
  at::Tensor states_before(const TokenBatch& batch, std::int64_t layer) const override {
    ++prefixes;
    with_graph += at::GradMode::is_enabled() ? 1 : 0;
    return model_.states_before(batch, layer);
  }
  at::Tensor head(const at::Tensor& h) const override { return model_.head(h); }
  void set_gradient_checkpointing(bool on) override { model_.set_gradient_checkpointing(on); }
  std::unique_ptr<CausalLm> share() const override { return model_.share(); }
  std::vector<Projection*> projections() override { return model_.projections(); }
  Embedding* embedding() override { return model_.embedding(); }
  Projection* output_head() override { return model_.output_head(); }
  std::vector<std::pair<std::string, at::Tensor>> parameters() const override {
    return model_.parameters();
  }
  std::int64_t layers() const override { return model_.layers(); }
  std::int64_t width() const override { return model_.width(); }
  std::int64_t kv_heads() const override { return model_.kv_heads(); }
  std::int64_t head_dim() const override { return model_.head_dim(); }
  std::int64_t vocab_size() const override { return model_.vocab_size(); }
  std::int64_t max_positions() const override { return model_.max_positions(); }
  std::string config_json() const override { return model_.config_json(); }

  mutable int forwards = 0, prefixes = 0, with_graph = 0;

 private:
  CausalLm& model_;
};

}  // namespace fennec::test
