#pragma once
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

namespace fennec {

/// Where the input of some linears comes from, so that it can be computed a second time in the backward
/// pass instead of being kept. Not thread-safe; one pass.
class LinearInput {
 public:
  virtual ~LinearInput() = default;
  /// @param sources  contiguous  @return [N, in]
  virtual at::Tensor compute(const std::vector<at::Tensor>& sources) = 0;
  /// The gradients of the sources from the input's, whose memory may be used.
  virtual std::vector<at::Tensor> backward(const std::vector<at::Tensor>& sources,
                                           const at::Tensor& dx) = 0;
};

std::unique_ptr<LinearInput> plain_input();                                    ///< x
std::unique_ptr<LinearInput> normed_input(at::Tensor weight, double epsilon);  ///< rms_norm(x)
std::unique_ptr<LinearInput> gated_input();                                    ///< swiglu(gate, up)

}  // namespace fennec
