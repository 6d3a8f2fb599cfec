#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/safetensors.h"

namespace fennec {

/// The weights of a Hugging Face directory: model.safetensors, or the shards that
/// model.safetensors.index.json names. Each tensor is taken exactly once; what is left over is an
/// error. All errors are IoErrors naming file and tensor. Not thread-safe.
class Checkpoint {
 public:
  static Checkpoint open(const std::filesystem::path& dir);

  bool contains(const std::string& name) const { return tensors_.count(name) != 0; }
  /// fp32 copy of a stored F32, F16, BF16 or F64 tensor; missing, mis-shaped, taken twice or
  /// non-finite: IoError.
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape);
  /// Every tensor must have been taken, but those `ignored` says may lie around.
  void finish(const std::function<bool(const std::string&)>& ignored) const;

  /// Each tensor of the checkpoint by name, wherever it is stored.
  const std::map<std::string, const TensorView*>& tensors() const { return tensors_; }

 private:
  void add_file(const std::filesystem::path& file);
  void add_shards(const std::filesystem::path& index_file);

  std::filesystem::path dir_;
  std::vector<Safetensors> files_;
  std::map<std::string, const TensorView*> tensors_;
  std::set<std::string> taken_;
};

}  // namespace fennec
