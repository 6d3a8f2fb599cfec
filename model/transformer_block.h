#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/attention_plan.h"
#include "model/norm.h"
#include "model/projection.h"
#include "model/rope.h"

namespace fennec {

/// What every layer of one forward pass shares.
struct ForwardPass {
  std::int64_t batch;  ///< B
  RopeTable rope;      ///< undefined in models with learned positions
  AttentionPlan attention, sliding_attention;
  KvCache* cache;
};

/// One layer of a transformer: its linears and norms, and how they are put together.
class TransformerBlock {
 public:
  virtual ~TransformerBlock() = default;
  /// @param x [B·T, D]  @param layer  its index, for the cache  @return [B·T, D]
  virtual at::Tensor forward(const at::Tensor& x, std::int64_t layer,
                             const ForwardPass& pass) const = 0;
  /// Another block over the same weights with projections of its own.
  virtual std::unique_ptr<TransformerBlock> share() const = 0;

  bool is_trainable() const {
    return std::any_of(linears_.begin(), linears_.end(),
                       [](const Projection& linear) { return linear.is_trainable(); });
  }
  std::vector<Projection>& linears() { return linears_; }
  const std::vector<Projection>& linears() const { return linears_; }
  const std::vector<Norm>& norms() const { return norms_; }

 protected:
  TransformerBlock(std::vector<Norm> norms, std::vector<Projection> linears)
      : norms_(std::move(norms)), linears_(std::move(linears)) {}
  TransformerBlock(const TransformerBlock&) = default;

  std::vector<Norm> norms_;
  std::vector<Projection> linears_;  ///< in module order
};

}  // namespace fennec
