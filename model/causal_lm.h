#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base_digest.h"
#include "model/embedding.h"
#include "model/projection.h"

namespace fennec {

/// A batch of packed rows. Documents never see each other: attention is causal within equal `segments`,
/// and `positions` restart at 0 in each.
struct TokenBatch {
  at::Tensor ids;        ///< [B, T] int64
  at::Tensor segments;   ///< [B, T] int64 document index, or as model/attention_mask.h; undefined: one
                         ///< document a row, no padding
  at::Tensor positions;  ///< [B, T] int64; undefined: 0 … T−1
  /// [B·T, D]: what enters layer `first_layer`, as CausalLm::states_before() gave it for each document;
  /// the layers before it are then not computed. Undefined: all are.
  at::Tensor states = {};
  std::int64_t first_layer = 0;
};

/// Keys (after RoPE) and values of the tokens seen so far, for generation.
class KvCache;

/// A decoder-only transformer with its language-model head, weights in fp32 or quantised. Frozen unless
/// told otherwise.
class CausalLm {
 public:
  virtual ~CausalLm() = default;

  /// @return [B, T, D], after the final norm. With a cache: T new tokens appended to it.
  virtual at::Tensor hidden(const TokenBatch& batch, KvCache* cache = nullptr) const = 0;
  /// What enters layer `layer`; layers(): the final norm.  @return [B·T, D]
  virtual at::Tensor states_before(const TokenBatch& batch, std::int64_t layer) const = 0;
  /// @param h [N, D]  @return [N, V]
  virtual at::Tensor head(const at::Tensor& h) const = 0;
  /// [V, D] when head(h) is h·Wᵀ: then a loss need not see all logits at once. Undefined otherwise.
  virtual FrozenWeight head_weight() const { return {}; }

  /// Whether training keeps only each layer's input and computes the layer again in the backward pass:
  /// the same gradients for half again the time (model/ops/recompute.h). Off at first.
  virtual void set_gradient_checkpointing(bool on) = 0;

  /// Another model over the same weight tensors with projections of its own: one a training thread.
  virtual std::unique_ptr<CausalLm> share() const = 0;

  virtual std::vector<Projection*> projections() = 0;  ///< every linear but the head, in module order
  /// The token embedding and the output head where the family lets adapters take their place; no head
  /// of its own when it is tied to the embedding.
  virtual Embedding* embedding() { return nullptr; }
  virtual Projection* output_head() { return nullptr; }
  /// By checkpoint name, for pretraining and export; copies in fp32 of what is quantised.
  virtual std::vector<std::pair<std::string, at::Tensor>> parameters() const = 0;
  virtual std::int64_t layers() const = 0;
  virtual std::int64_t width() const = 0;  ///< D
  virtual std::int64_t kv_heads() const = 0;
  virtual std::int64_t head_dim() const = 0;
  virtual std::int64_t vocab_size() const = 0;
  virtual std::int64_t max_positions() const = 0;
  virtual std::string config_json() const = 0;  ///< config.json that describes this model
};

/// Cross-entropy in nats, summed over supervised positions: logits at t predict labels at t+1; label
/// −100 is ignored. Only supervised positions go through the head. No supervised position: a zero that
/// carries no gradient.
/// @param labels [B, T] int64  @return scalar and the number of supervised positions
struct LossSum {
  at::Tensor sum;  ///< scalar, nats, summed
  std::int64_t positions = 0;
};
LossSum supervised_loss(const CausalLm& model, const TokenBatch& batch, const at::Tensor& labels);

/// Loads config.json and weights (single file or sharded) of a supported family; every tensor used
/// exactly once. Throws IoError naming file and tensor; an unknown family lists the supported ones.
/// @param base_precision  of the frozen linears, as ModelConfig; unknown: ConfigError
std::unique_ptr<CausalLm> load_causal_lm(const std::filesystem::path& dir,
                                         const std::string& base_precision = "fp32");

}  // namespace fennec
