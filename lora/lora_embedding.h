#pragma once
#include <ATen/core/Tensor.h>

#include "model/embedding.h"

namespace fennec {

/// y = E[id] + s·B·A[:, id]: the low-rank path beside the frozen token embedding.
class LoraEmbedding final : public EmbeddingBranch {
 public:
  /// @param a [R, V]  @param b [D, R]
  LoraEmbedding(at::Tensor a, at::Tensor b, double scale);
  at::Tensor apply(const at::Tensor& ids, const at::Tensor& rows) const override;
  at::Tensor merged(const Embedding& base) const;  ///< E + s·(B·A)ᵀ, [V, D], a new tensor

 private:
  at::Tensor a_, b_;
  double scale_;
};

}  // namespace fennec
