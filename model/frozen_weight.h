#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "model/quantized_matrix.h"

namespace fennec {

/// The matrix W [out, in] of a frozen linear or of an embedding: an fp32 tensor, or quantised. A
/// quantised W is expanded a tile at a time, forward and backward, into a workspace of about 1 MiB a
/// thread; nothing expanded outlives the product, and no gradient of W exists. Cheap to copy: copies
/// share the weights.
class FrozenWeight {
 public:
  FrozenWeight() = default;
  /// @param dense [out, in] float  NOLINT(google-explicit-constructor): a plain tensor is a weight
  FrozenWeight(at::Tensor dense) : dense_(std::move(dense)) {}
  explicit FrozenWeight(std::shared_ptr<const QuantizedMatrix> quantized)
      : quantized_(std::move(quantized)) {}

  bool defined() const { return dense_.defined() || quantized_ != nullptr; }
  bool is_quantized() const { return quantized_ != nullptr; }
  std::int64_t out_features() const { return quantized_ ? quantized_->rows() : dense_.size(0); }
  std::int64_t in_features() const { return quantized_ ? quantized_->columns() : dense_.size(1); }
  std::size_t bytes() const { return quantized_ ? quantized_->bytes() : dense_.nbytes(); }

  /// Whether the products below can be used: quantised, or a contiguous fp32 tensor of the CPU that
  /// wants no gradient.
  bool has_products() const;
  // The products of dense rows, as gemm.h's: the same bits on any number of threads, no graph.
  /// y [rows, out] = x [rows, in] · Wᵀ, added to y when `accumulate`.
  void multiply_transposed(std::int64_t rows, const float* x, float* y, bool accumulate) const;
  /// dx [rows, in] = grad [rows, out] · W, added to dx when `accumulate`.
  void multiply(std::int64_t rows, const float* grad, float* dx, bool accumulate) const;

  /// The rows of an embedding.  @param ids [N] int64  @return [N, in]
  at::Tensor rows(const at::Tensor& ids) const;
  /// The whole W in fp32: the tensor itself, a copy when quantised.
  at::Tensor dense() const;

 private:
  at::Tensor dense_;
  std::shared_ptr<const QuantizedMatrix> quantized_;
};

/// @param matrix [out, in] float, contiguous  @param precision  "fp32": the tensor itself; else of
/// quantized_kinds()
FrozenWeight freeze(const at::Tensor& matrix, const std::string& precision);

}  // namespace fennec
