#include "model/weight_source.h"

#include <utility>

namespace fennec {

Projection take_linear(WeightSource& source, const std::string& module, std::int64_t in,
                       std::int64_t out, bool has_bias) {
  at::Tensor weight = source.take(module + ".weight", {out, in});
  return {module, std::move(weight), has_bias ? source.take(module + ".bias", {out}) : at::Tensor()};
}

Norm take_norm(WeightSource& source, const NormKind& kind, const std::string& module,
               std::int64_t width) {
  at::Tensor weight = source.take(module + ".weight", {width});
  const bool has_bias = kind.form == NormKind::Form::kLayer;
  return {kind, module, std::move(weight),
          has_bias ? source.take(module + ".bias", {width}) : at::Tensor()};
}

}  // namespace fennec
