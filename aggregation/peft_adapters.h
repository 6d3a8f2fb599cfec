#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "aggregation/adapter_rule.h"
#include "core/peft_directory.h"

namespace fennec {

/// PEFT LoRA directories as the clients of one aggregation, in wire-canonical form: s·B and A, so that
/// ranks and scales may differ.
struct PeftAdapters {
  AdapterSet set;     ///< clients are named by their directories, ascending
  PeftConfig config;  ///< of the first directory: base model, target modules
};

/// Throws ConfigError naming directory and tensor when the directories do not fit each other (base
/// model, modules, shapes) or hold something other than LoRA pairs of linears; IoError when one does
/// not read.
/// @param weights  one for each directory, positive; they are normalised
PeftAdapters read_peft_adapters(const std::vector<std::filesystem::path>& directories,
                                const std::vector<double>& weights);

/// Writes an adapter at scale 1 (lora_alpha = r), with rank patterns where modules differ in rank.
void write_peft_adapter(const std::filesystem::path& directory, const PeftAdapters& like,
                        const std::vector<Factors>& modules);

}  // namespace fennec
