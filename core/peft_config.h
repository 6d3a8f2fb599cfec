#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fennec {

enum class PeftType { kLora, kIa3 };

/// adapter_config.json of a PEFT adapter: the fields PEFT reads. `rank_pattern` and `alpha_pattern` are
/// ordered (regex, value) pairs.
struct PeftConfig {
  PeftType type = PeftType::kLora;
  int r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  bool use_rslora = false, use_dora = false, fan_in_fan_out = false;
  std::string base_model_name_or_path;
  std::vector<std::string> target_modules;  ///< or one full-match regex in target_regex
  std::optional<std::string> target_regex;
  std::vector<std::string> feedforward_modules;  ///< (IA)³: scaled at the input
  std::vector<std::string> modules_to_save;
  std::vector<int> layers_to_transform;  ///< empty = all
  std::vector<std::pair<std::string, double>> rank_pattern, alpha_pattern;
};

/// The value of the first pattern that matches the module, as PEFT reads them: ^(.*\.)?(key)$. Throws
/// IoError on a key that is no regular expression.
std::optional<double> pattern_value(const std::vector<std::pair<std::string, double>>& pattern,
                                    const std::string& module);

/// R of one module: `r`, or what rank_pattern says.
std::int64_t lora_rank(const PeftConfig& config, const std::string& module);

/// s = alpha/R, or alpha/√R with rsLoRA (arXiv 2312.03732); alpha_pattern honoured.
double lora_scale(const PeftConfig& config, const std::string& module, std::int64_t rank);

/// Whether `tail` is the path or its end after a dot.
bool ends_with_module(std::string_view path, std::string_view tail);

/// adapter_config.json, read strictly. Throws IoError that begins with `where`: wrong types, another
/// peft_type than LORA and IA3, biases in the adapter, what is no regular expression.
PeftConfig parse_adapter_config(std::string_view json, const std::string& where);

/// The text of adapter_config.json with every key that PEFT has always known.
std::string to_adapter_config_json(const PeftConfig& config);

}  // namespace fennec
