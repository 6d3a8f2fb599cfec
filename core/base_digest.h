#pragma once
#include <filesystem>
#include <string>

namespace fennec {

/// Hex SHA-256 over (name, dtype, shape, bytes) of every tensor, by name: what "the same base model"
/// means. The same for a single file and any sharding of it. Reads tensor bytes but needs no LibTorch.
/// Throws IoError.
std::string base_model_digest(const std::filesystem::path& base_dir);

}  // namespace fennec
