#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/activation.h"
#include "model/frozen_weight.h"
#include "model/norm.h"
#include "model/ops/lora_linear.h"

namespace fennec {

/// s·(x·Aᵀ)·Bᵀ: what a linear may add to its own output without a branch's help.
struct LowRank {
  at::Tensor a, b;  ///< [R, in], [out, R]
  double scale = 1;
};

/// What a PEFT method puts on top of a frozen linear.
class ProjectionBranch {
 public:
  virtual ~ProjectionBranch() = default;
  /// Not null when apply() adds exactly this to the base output: then it may be folded into the linear.
  virtual const LowRank* low_rank() const { return nullptr; }
  /// What the frozen linear gets instead of x.  @param x [N, in]  @return [N, in]
  virtual at::Tensor input(const at::Tensor& x) const { return x; }
  /// @param x [N, in] float, as input() gave it.  @param base_output [N, out], the frozen linear's
  /// output: the branch may overwrite it.  @return [N, out]
  virtual at::Tensor apply(const at::Tensor& x, const at::Tensor& base_output) const = 0;
  /// Whether it holds tensors that want a gradient; true costs a recomputation at worst.
  virtual bool is_trainable() const { return true; }
};

/// A named linear of the model: y = x·Wᵀ + b, the seam where an adapter takes its place. Not
/// thread-safe to re-attach; forward() is.
class Projection {
 public:
  Projection() = default;
  /// @param weight [out, in]  @param bias [out] float or undefined
  /// @param conv1d  checkpoints store the weight as [in, out] (GPT-2's Conv1D)
  Projection(std::string module, FrozenWeight weight, at::Tensor bias, bool conv1d = false);
  /// @param x [N, in]  @param residual [N, out], added, or undefined  @return [N, out]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& residual = {}) const;
  /// residual + forward(activate_gated(activation, gate, up)): one operation where the gate is SiLU.
  at::Tensor forward_gated(Activation activation, const at::Tensor& gate, const at::Tensor& up,
                           const at::Tensor& residual) const;
  /// The outputs of several projections of norm.forward(x), which sum their gradients in place: one
  /// operation where the norm is an RMSNorm.
  static std::vector<at::Tensor> forward_normed(const at::Tensor& x, const Norm& norm,
                                                const std::vector<const Projection*>& projections);

  void attach(std::shared_ptr<const ProjectionBranch> branch) { branch_ = std::move(branch); }
  void detach() { branch_.reset(); }
  bool is_trainable() const { return branch_ != nullptr && branch_->is_trainable(); }
  bool is_adapted() const { return branch_ != nullptr; }
  /// Hugging Face path, "model.layers.0.self_attn.q_proj".
  const std::string& module() const { return module_; }
  std::int64_t in_features() const { return weight_.in_features(); }
  std::int64_t out_features() const { return weight_.out_features(); }
  /// [out, in] in fp32: the tensor itself, a copy of it when the base is quantised.
  at::Tensor weight() const { return weight_.dense(); }
  const FrozenWeight& frozen() const { return weight_; }  ///< as the model keeps it
  const at::Tensor& bias() const { return bias_; }
  /// As checkpoints store it: weight(), or its transpose for a Conv1D.
  at::Tensor stored_weight() const;
  void set_weight(FrozenWeight weight) { weight_ = std::move(weight); }  ///< an adapter's, or merged
  void set_bias(at::Tensor bias) { bias_ = std::move(bias); }            ///< merging an adapter

 private:
  bool folds() const { return branch_ == nullptr || branch_->low_rank() != nullptr; }
  LoraLinear linear() const;  ///< with the branch, if it folds

  std::string module_;
  FrozenWeight weight_;
  at::Tensor bias_;
  bool conv1d_ = false;
  std::shared_ptr<const ProjectionBranch> branch_;
};

}  // namespace fennec
