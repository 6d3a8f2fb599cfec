#pragma once
#include <filesystem>
#include <string>

#include "simulations/pretrain.h"

namespace fennec {

/// Writes README.md and loss.svg beside the weights: what the model is and is not, how it was made, its
/// figures and the digests of its files.
void write_model_card(const std::filesystem::path& dir, const PretrainConfig& config,
                      const PretrainResult& result, const std::string& command);

}  // namespace fennec
