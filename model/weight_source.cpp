#include "model/weight_source.h"

#include <utility>

namespace fennec {

std::string matrix_precision(const std::string& base_precision, MatrixRole role) {
  return role == MatrixRole::kTable && base_precision != "fp32" ? "int8" : base_precision;
}

Projection take_linear(WeightSource& source, const std::string& module, std::int64_t in,
                       std::int64_t out, bool has_bias) {
  FrozenWeight weight = source.take_matrix(module + ".weight", out, in, MatrixRole::kLinear);
  return {module, std::move(weight), has_bias ? source.take(module + ".bias", {out}) : at::Tensor()};
}

Embedding take_embedding(WeightSource& source, const std::string& module, std::int64_t vocabulary,
                         std::int64_t width) {
  return {module, source.take_matrix(module + ".weight", vocabulary, width, MatrixRole::kTable)};
}

Projection take_head(WeightSource& source, const std::string& module, std::int64_t width,
                     std::int64_t vocabulary) {
  return {module, source.take_matrix(module + ".weight", vocabulary, width, MatrixRole::kTable), {}};
}

Norm take_norm(WeightSource& source, const NormKind& kind, const std::string& module,
               std::int64_t width) {
  at::Tensor weight = source.take(module + ".weight", {width});
  const bool has_bias = kind.form == NormKind::Form::kLayer;
  return {kind, module, std::move(weight),
          has_bias ? source.take(module + ".bias", {width}) : at::Tensor()};
}

}  // namespace fennec
