#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lora/adamw.h"
#include "model/causal_lm.h"

namespace fennec {

/// Weights in fp32, both AdamW moments and the step, written as one file; `run` names the
/// configuration.
void save_pretrain_checkpoint(const std::filesystem::path& file, const CausalLm& model,
                              const AdamW& optimizer, const std::string& run);

/// Restores what the file holds. @return steps done; empty when there is no file. Throws IoError when
/// it belongs to another configuration or does not fit.
std::optional<std::int64_t> load_pretrain_checkpoint(const std::filesystem::path& file,
                                                     const CausalLm& model, AdamW& optimizer,
                                                     const std::string& run);

}  // namespace fennec
