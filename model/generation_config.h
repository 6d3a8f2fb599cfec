#pragma once
#include <filesystem>

#include "model/sampling.h"

namespace fennec {

/// How the model's makers sample from it: generation_config.json in `dir`, read as Hugging Face does
/// (`do_sample` false or absent: greedy; true: temperature 1 and top_k 50 unless it says otherwise).
/// Greedy without the file. Throws IoError naming file and key.
SamplingConfig read_sampling_defaults(const std::filesystem::path& dir);

}  // namespace fennec
