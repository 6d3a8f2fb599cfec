#pragma once
#include <filesystem>

#include "core/safetensors.h"
#include "model/causal_lm.h"

namespace fennec {

/// Writes config.json and model.safetensors of a Hugging Face directory, each atomically, the weights
/// first.
/// @param dtype  kF32 or kBf16 (round to nearest even)
void save_checkpoint(const CausalLm& model, const std::filesystem::path& dir, Dtype dtype);

}  // namespace fennec
