#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/safetensors.h"

namespace fennec {

/// The weights of a Hugging Face directory as they are stored: model.safetensors, or the shards that
/// model.safetensors.index.json names, each tensor in the shard the index says and in no other. Mapped,
/// not read. Throws IoError naming file and tensor.
class CheckpointFiles {
 public:
  static CheckpointFiles open(const std::filesystem::path& dir);

  const std::filesystem::path& dir() const { return dir_; }
  const std::vector<std::filesystem::path>& files() const { return paths_; }
  const std::map<std::string, const TensorView*>& tensors() const { return tensors_; }
  /// Gives the memory of a tensor's bytes, or of a part of them, back to the system; reading them again
  /// fetches them from the file.
  void release(const TensorView& tensor) const;

 private:
  std::size_t add_file(const std::filesystem::path& file);
  void add_shards(const std::filesystem::path& index_file);

  std::filesystem::path dir_;
  std::vector<std::filesystem::path> paths_;
  std::vector<Safetensors> files_;
  std::map<std::string, const TensorView*> tensors_;
};

}  // namespace fennec
