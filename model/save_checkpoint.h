#pragma once
#include <filesystem>

#include "core/safetensors.h"
#include "model/causal_lm.h"

namespace fennec {

/// Writes config.json and model.safetensors of a Hugging Face directory, each atomically, the weights
/// first, with one tensor beside the model in memory. Tensors have the names and the orientation that
/// transformers' save_pretrained gives them.
/// @param dtype  kF32, or kBf16 or kF16 (round to nearest even). Throws IoError naming a tensor that
/// holds more than F16 can.
void save_checkpoint(const CausalLm& model, const std::filesystem::path& dir, Dtype dtype);

}  // namespace fennec
