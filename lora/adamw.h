#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/error.h"

namespace fennec {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay =
      0;  ///< decoupled: w ← w·(1 − lr·weight_decay) before the step (arXiv 1711.05101)
};

/// Sets the gradients that there are to zero in place.
void zero_grad(const std::vector<at::Tensor>& tensors);

/// AdamW over leaf tensors, the arithmetic of torch.optim.AdamW. Tensors are float32, contiguous, on
/// the CPU, and keep their storage for the optimizer's life. Not thread-safe.
class AdamW {
 public:
  /// @param decays  one flag a tensor: whether weight decay applies to it; empty = to all
  /// @param rates  one factor a tensor, by which the learning rate is multiplied; empty = 1 everywhere
  AdamW(std::vector<at::Tensor> tensors, AdamWOptions options, std::vector<bool> decays = {},
        std::vector<double> rates = {});

  /// One step from the tensors' gradients; a tensor without one is left alone, as if its gradient were
  /// absent.
  void step(double learning_rate);
  /// Sets gradients to zero in place (they keep their storage).
  void zero_grad() { fennec::zero_grad(tensors_); }

  /// Flat moments in tensor order, and the number of steps taken: everything a checkpoint needs.
  std::span<const float> first_moment() const { return m_; }
  std::span<const float> second_moment() const { return v_; }
  std::int64_t steps() const { return steps_; }
  /// kMismatch when the sizes differ; nothing is changed then.
  Result<void> restore(std::span<const float> m, std::span<const float> v, std::int64_t steps);

 private:
  std::vector<at::Tensor> tensors_;
  AdamWOptions options_;
  std::vector<bool> decays_;
  std::vector<double> rates_;
  std::vector<float> m_, v_;
  std::int64_t steps_ = 0;
};

/// Scales all gradients by min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_ does;
/// max_norm ≤ 0 only measures. @return the global L2 norm before clipping, summed in double
double clip_grad_norm(const std::vector<at::Tensor>& tensors, double max_norm);

}  // namespace fennec
