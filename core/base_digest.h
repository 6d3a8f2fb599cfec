#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace fennec {

/// The weight files of a Hugging Face directory: model.safetensors, or the shards that
/// model.safetensors.index.json names (ascending). Throws IoError when there are none.
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& base_dir);

/// Hex SHA-256 over (name, dtype, shape, bytes) of every tensor, by name: what "the same base model"
/// means. The same for a single file and any sharding of it. Reads tensor bytes but needs no LibTorch.
/// Throws IoError.
std::string base_model_digest(const std::filesystem::path& base_dir);

}  // namespace fennec
