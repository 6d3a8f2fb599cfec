#pragma once
#include <filesystem>
#include <string>

namespace fennec {

/// `doctor --budget`: how to train on `base` within so much memory, each concession with its reason,
/// and the configuration that says so.  @param budget  "600MB", "0.5GB", "512MiB"; else ConfigError
/// @return the exit code: 0 = something fits
int print_training_plan(const std::filesystem::path& base, const std::string& budget, bool json);

}  // namespace fennec
