#pragma once
#include <filesystem>
#include <optional>

#include "core/safetensors.h"

namespace fennec {

struct MergedCheckpoint {
  std::filesystem::path base, adapter, out;
  std::optional<Dtype> dtype;  ///< kF32, kBf16 or kF16; absent: as the base is stored
};

/// Writes the base model with its adapter merged into the weights, of whatever method, as a Hugging
/// Face directory of its own, tokenizer and generation settings copied along. `out` appears as a whole
/// or not at all.
/// @return the dtype it was written in. Throws ConfigError when `out` is there already, IoError
/// otherwise.
Dtype write_merged_checkpoint(const MergedCheckpoint& request);

}  // namespace fennec
