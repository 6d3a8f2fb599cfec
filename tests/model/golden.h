#pragma once
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "core/error.h"
#include "core/safetensors.h"
#include "model/causal_lm.h"

namespace fennec::test {

/// A tensor of a golden file: F32 as float, F64 as double, I64 as long.
inline at::Tensor golden_tensor(const Safetensors& file, const std::string& name) {
  const TensorView* view = file.find(name);
  FENNEC_CHECK(view != nullptr, name);
  const auto type = view->dtype == Dtype::kF64   ? at::kDouble
                    : view->dtype == Dtype::kI64 ? at::kLong
                                                 : at::kFloat;
  at::Tensor tensor = at::empty(view->shape, type);
  FENNEC_CHECK(tensor.nbytes() == view->bytes.size(), name);
  std::memcpy(tensor.data_ptr(), view->bytes.data(), view->bytes.size());
  return tensor;
}

inline double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

/// [B, T, V]
inline at::Tensor all_logits(const CausalLm& model, const TokenBatch& batch) {
  const at::Tensor h = model.hidden(batch);
  return model.head(h.flatten(0, 1)).view({batch.ids.size(0), batch.ids.size(1), -1});
}

}  // namespace fennec::test
