#pragma once
#include <memory>

#include <ATen/core/Tensor.h>

#include "model/projection.h"

namespace fennec {

/// A linear as two tensors.
struct LinearWeights {
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out] or undefined
};

/// An adapter on one frozen linear.
class AdapterBranch : public ProjectionBranch {
 public:
  /// The plain linear that computes the same as `base` with this branch on it; new tensors, `base`
  /// stays as it is.
  virtual LinearWeights merged(const Projection& base) const = 0;
};

/// The tensors of one adapted linear; undefined where the method has none.
struct BranchTensors {
  at::Tensor a, b;       ///< LoRA: [R, in], [out, R]
  at::Tensor magnitude;  ///< DoRA: [out]
  at::Tensor scale;      ///< (IA)³: [out, 1] or [1, in]
};

/// The branch that these tensors stand for.  @param scale  s of LoRA's s·B·A
std::shared_ptr<const AdapterBranch> make_branch(const Projection& base, const BranchTensors& tensors,
                                                 double scale);

}  // namespace fennec
