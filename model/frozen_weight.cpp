#include "model/frozen_weight.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "model/ops/quantized_gemm.h"

namespace fennec {

bool FrozenWeight::has_products() const {
  if (quantized_) return true;
  return dense_.is_cpu() && dense_.scalar_type() == at::kFloat && dense_.is_contiguous() &&
         !(dense_.requires_grad() && at::GradMode::is_enabled());
}

void FrozenWeight::multiply_transposed(std::int64_t rows, const float* x, float* y,
                                       bool accumulate) const {
  if (quantized_) return quantized_gemm_transposed(rows, x, *quantized_, y, accumulate);
  gemm_transposed({rows, out_features(), in_features()}, x, dense_.data_ptr<float>(), y, accumulate);
}

void FrozenWeight::multiply(std::int64_t rows, const float* grad, float* dx, bool accumulate) const {
  if (quantized_) return quantized_gemm(rows, grad, *quantized_, dx, accumulate);
  gemm({rows, in_features(), out_features()}, grad, dense_.data_ptr<float>(), dx, accumulate);
}

at::Tensor FrozenWeight::rows(const at::Tensor& ids) const {
  if (!quantized_) return at::embedding(dense_, ids);
  const at::Tensor index = ids.contiguous();
  at::Tensor out = at::empty({index.numel(), in_features()}, at::kFloat);
  const std::int64_t* id = index.data_ptr<std::int64_t>();
  float* values = out.data_ptr<float>();
  for (std::int64_t i = 0; i < index.numel(); ++i, values += in_features()) {
    FENNEC_CHECK(id[i] >= 0 && id[i] < out_features(), "token id out of range");
    quantized_->dequantize(id[i], id[i] + 1, values);
  }
  return out;
}

at::Tensor FrozenWeight::dense() const {
  if (!quantized_) return dense_;
  at::Tensor whole = at::empty({out_features(), in_features()}, at::kFloat);
  quantized_->dequantize(0, out_features(), whole.data_ptr<float>());
  return whole;
}

FrozenWeight freeze(const at::Tensor& matrix, const std::string& precision) {
  if (precision == "fp32") return matrix;
  const std::int64_t columns = matrix.size(1);
  const float* values = matrix.data_ptr<float>();
  return FrozenWeight(quantize(precision, matrix.size(0), columns,
                               [&](std::int64_t begin, std::int64_t end, float* out) {
                                 std::copy(values + begin * columns, values + end * columns, out);
                               }));
}

}  // namespace fennec
