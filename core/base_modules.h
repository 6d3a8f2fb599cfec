#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base_linears.h"
#include "core/checkpoint_files.h"

namespace fennec {

/// What an adapter can be put on: from the checkpoint's headers and config.json alone.
struct BaseModules {
  std::vector<LinearShape> linears;      ///< in module order, without the output head
  std::optional<LinearShape> embedding;  ///< token embedding: V tokens in, D features out
  std::optional<LinearShape> head;       ///< output head with weights of its own
};

/// Throws IoError.
BaseModules modules_of_checkpoint(const std::filesystem::path& base_dir);

/// The stored weight of a module by its Hugging Face path; the hub's gpt2 file leaves "transformer."
/// out. Throws IoError naming the tensor when there is none.
const TensorView& weight_of_module(const CheckpointFiles& files, const std::string& module);

}  // namespace fennec
