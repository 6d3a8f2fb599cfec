#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "model/embedding.h"
#include "model/norm.h"
#include "model/projection.h"

namespace fennec {

/// What a matrix is for, which decides how finely it may be quantised.
enum class MatrixRole {
  kLinear,
  kTable  ///< embedding or head
};

/// What a base of some precision (ModelConfig's) keeps such a matrix in: an embedding or head is never
/// coarser than int8.
std::string matrix_precision(const std::string& base_precision, MatrixRole role);

/// Where the weights of a model in the making come from: a checkpoint, or random numbers.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual bool contains(const std::string& name) const = 0;
  /// fp32; each name once. Throws IoError naming a tensor that is missing, mis-shaped or not finite.
  virtual at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) = 0;
  /// A matrix [rows, columns] in the precision that this source keeps such; each name once, as take().
  virtual FrozenWeight take_matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                                   MatrixRole role) {
    return keep(take(name, {rows, columns}), role);
  }
  /// What was taken and made into a matrix [rows, columns], in that precision: here fp32.
  virtual FrozenWeight keep(at::Tensor matrix, MatrixRole /*role*/) const { return matrix; }
  /// Throws IoError when a tensor is left of which `ignored` does not say that it may lie around.
  virtual void finish(const std::function<bool(const std::string&)>& ignored) const = 0;
};

/// "<module>.weight" [out, in] and, with a bias, "<module>.bias" [out].
Projection take_linear(WeightSource& source, const std::string& module, std::int64_t in,
                       std::int64_t out, bool has_bias);

/// "<module>.weight" [V, D].
Embedding take_embedding(WeightSource& source, const std::string& module, std::int64_t vocabulary,
                         std::int64_t width);

/// "<module>.weight" [V, D].
Projection take_head(WeightSource& source, const std::string& module, std::int64_t width,
                     std::int64_t vocabulary);

/// "<module>.weight" [D] and, for layer norms, "<module>.bias" [D].
Norm take_norm(WeightSource& source, const NormKind& kind, const std::string& module,
               std::int64_t width);

}  // namespace fennec
