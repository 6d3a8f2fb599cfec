#pragma once
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/checkpoint_files.h"
#include "model/weight_source.h"

namespace fennec {

/// The weights of a Hugging Face directory (core/checkpoint_files.h) as a source of fp32 tensors: F32,
/// F16, BF16 or F64 converted on the way, matrices quantised if asked for. What was read gives its
/// mapped pages back, so loading needs the memory of the model as it is kept and of one tensor, of a
/// quantised one a block of rows. All errors are IoErrors naming directory and tensor. Not thread-safe.
class Checkpoint final : public WeightSource {
 public:
  /// @param base_precision  as ModelConfig's
  static Checkpoint open(const std::filesystem::path& dir, std::string base_precision = "fp32");

  bool contains(const std::string& name) const override { return files_.tensors().count(name) != 0; }
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override;
  FrozenWeight take_matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                           MatrixRole role) override;
  FrozenWeight keep(at::Tensor matrix, MatrixRole role) const override;
  void finish(const std::function<bool(const std::string&)>& ignored) const override;

 private:
  Checkpoint(CheckpointFiles files, std::string base_precision)
      : files_(std::move(files)), base_precision_(std::move(base_precision)) {}
  [[noreturn]] void refuse(const std::string& name, const std::string& why) const;
  const TensorView& use(const std::string& name, const std::vector<std::int64_t>& shape);
  void read(const TensorView& view, std::int64_t begin, std::int64_t end, float* out) const;

  CheckpointFiles files_;
  std::string base_precision_;
  std::set<std::string> taken_;
};

}  // namespace fennec
