#pragma once
#include <memory>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "model/frozen_weight.h"

namespace fennec {

/// What a PEFT method puts on top of a frozen embedding.
class EmbeddingBranch {
 public:
  virtual ~EmbeddingBranch() = default;
  /// @param ids [N] int64  @param rows [N, D], the frozen rows: the branch may overwrite them
  /// @return [N, D]
  virtual at::Tensor apply(const at::Tensor& ids, const at::Tensor& rows) const = 0;
};

/// The token embedding of a model, by its Hugging Face path: the seam where an adapter takes its place.
/// Not thread-safe to re-attach; forward() is.
class Embedding {
 public:
  Embedding() = default;
  /// @param weight [V, D]
  Embedding(std::string module, FrozenWeight weight);
  /// @param ids [N] int64  @return [N, D]
  at::Tensor forward(const at::Tensor& ids) const;

  void attach(std::shared_ptr<const EmbeddingBranch> branch) { branch_ = std::move(branch); }
  void detach() { branch_.reset(); }
  const std::string& module() const { return module_; }  ///< "model.embed_tokens"
  /// [V, D] in fp32: the tensor itself, a copy of it when the base is quantised.
  at::Tensor weight() const { return weight_.dense(); }
  const FrozenWeight& frozen() const { return weight_; }                 ///< as the model keeps it
  void set_weight(FrozenWeight weight) { weight_ = std::move(weight); }  ///< an adapter's, or merged

 private:
  std::string module_;
  FrozenWeight weight_;
  std::shared_ptr<const EmbeddingBranch> branch_;
};

}  // namespace fennec
