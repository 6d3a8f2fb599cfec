#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/norm.h"
#include "model/projection.h"

namespace fennec {

/// Where the weights of a model in the making come from: a checkpoint, or random numbers.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual bool contains(const std::string& name) const = 0;
  /// fp32; each name once. Throws IoError naming a tensor that is missing, mis-shaped or not finite.
  virtual at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) = 0;
  /// Throws IoError when a tensor is left of which `ignored` does not say that it may lie around.
  virtual void finish(const std::function<bool(const std::string&)>& ignored) const = 0;
};

/// "<module>.weight" [out, in] and, with a bias, "<module>.bias" [out].
Projection take_linear(WeightSource& source, const std::string& module, std::int64_t in,
                       std::int64_t out, bool has_bias);

/// "<module>.weight" [D] and, for layer norms, "<module>.bias" [D].
Norm take_norm(WeightSource& source, const NormKind& kind, const std::string& module,
               std::int64_t width);

}  // namespace fennec
