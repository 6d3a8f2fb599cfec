#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "simulations/pretrain.h"

namespace fennec {

/// The loss curve as CSV with a header.
void write_curve(const std::filesystem::path& file, const std::vector<PretrainProgress>& curve);
/// Rows up to `last_step`; empty when there is no file. Throws IoError on a malformed row.
std::vector<PretrainProgress> read_curve(const std::filesystem::path& file, std::int64_t last_step);

}  // namespace fennec
