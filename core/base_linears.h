#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace fennec {

/// A linear layer of the base model by its Hugging Face module path, e.g.
/// "model.layers.0.self_attn.q_proj".
struct LinearShape {
  std::string module;
  std::int64_t in_features = 0, out_features = 0;
  bool peft_default = false;  ///< PEFT adapts it in this family unless told otherwise
  bool conv1d = false;        ///< stored [in, out]: PEFT's fan_in_fan_out
};

/// The number of the layer a module is in: the first component of its path that is a number; −1
/// outside.
std::int64_t layer_index(std::string_view module);

/// The linears of a checkpoint, in module order, from its safetensors headers and config.json alone: no
/// tensor data, no LibTorch, so the coordinator can lay out an adapter too. Paths are those of the
/// transformers model, whatever prefix the file leaves out. The output head is not among them, as in
/// PEFT's "all-linear". Throws IoError.
std::vector<LinearShape> linears_of_checkpoint(const std::filesystem::path& base_dir);

}  // namespace fennec
