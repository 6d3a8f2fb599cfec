#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/parameter_set.h"

namespace fennec {

/// adapter_config.json of a PEFT LoRA adapter; the fields PEFT reads. `rank_pattern`/`alpha_pattern`
/// are ordered (regex, value) pairs.
struct PeftLoraConfig {
  int r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  bool use_rslora = false, use_dora = false, fan_in_fan_out = false;
  std::string base_model_name_or_path;
  std::vector<std::string> target_modules;  ///< or one full-match regex in target_regex
  std::optional<std::string> target_regex;
  std::vector<std::string> modules_to_save;
  std::vector<std::pair<std::string, double>> rank_pattern, alpha_pattern;
};

struct PeftAdapter {
  PeftLoraConfig config;
  ParameterSet tensors;  ///< names exactly as in adapter_model.safetensors, file order by name
};

/// Reads a PEFT adapter directory. Throws IoError naming file, key or tensor: wrong peft_type, bias
/// other than "none", a non-float dtype, a non-finite value, an incomplete A/B pair.
PeftAdapter read_peft_directory(const std::filesystem::path& dir);

/// Writes adapter_config.json (all keys PEFT has always known) and adapter_model.safetensors (F32,
/// format=pt), each atomically, the weights first.
void write_peft_directory(const std::filesystem::path& dir, const PeftLoraConfig& config,
                          const ParameterSet& tensors);

/// The same tensors in the order of `layout`. Throws IoError, beginning with `where`, when a name is
/// missing or too many or a shape differs.
ParameterSet arrange(const ParameterSet& tensors, const LayoutPtr& layout, const std::string& where);

/// The JSON text that write_peft_directory stores.
std::string to_adapter_config_json(const PeftLoraConfig& config);

}  // namespace fennec
