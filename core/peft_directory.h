#pragma once
#include <filesystem>
#include <string>

#include "core/parameter_set.h"
#include "core/peft_config.h"

namespace fennec {

struct PeftAdapter {
  PeftConfig config;
  ParameterSet tensors;  ///< names exactly as in adapter_model.safetensors, file order by name
};

/// Reads a PEFT adapter directory: LoRA, DoRA or (IA)³. Throws IoError naming file, key or tensor:
/// wrong peft_type, bias other than "none", a non-float dtype, a non-finite value, an incomplete A/B
/// pair.
PeftAdapter read_peft_directory(const std::filesystem::path& dir);
PeftConfig read_adapter_config(const std::filesystem::path& dir);  ///< its adapter_config.json alone

/// Writes adapter_config.json (all keys PEFT has always known) and adapter_model.safetensors (F32,
/// format=pt), each atomically, the weights first.
void write_peft_directory(const std::filesystem::path& dir, const PeftConfig& config,
                          const ParameterSet& tensors);

/// The same tensors in the order of `layout`. Throws IoError, beginning with `where`, when a name is
/// missing or too many or a shape differs.
ParameterSet arrange(const ParameterSet& tensors, const LayoutPtr& layout, const std::string& where);

}  // namespace fennec
