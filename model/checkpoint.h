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
/// F16, BF16 or F64 converted on the way. A tensor taken gives its mapped pages back, so loading needs
/// the memory of the model and of one tensor. All errors are IoErrors naming directory and tensor. Not
/// thread-safe.
class Checkpoint final : public WeightSource {
 public:
  static Checkpoint open(const std::filesystem::path& dir);

  bool contains(const std::string& name) const override { return files_.tensors().count(name) != 0; }
  at::Tensor take(const std::string& name, const std::vector<std::int64_t>& shape) override;
  void finish(const std::function<bool(const std::string&)>& ignored) const override;

 private:
  explicit Checkpoint(CheckpointFiles files) : files_(std::move(files)) {}
  [[noreturn]] void refuse(const std::string& name, const std::string& why) const;

  CheckpointFiles files_;
  std::set<std::string> taken_;
};

}  // namespace fennec
