#include "core/lora_scale.h"

#include <cmath>
#include <regex>

#include "core/error.h"

namespace fennec {
namespace {

/// PEFT: a key matches a module when ^(.*\.)?(key)$ does, and the first match wins.
bool matches(const std::string& key, const std::string& module) {
  try {
    return std::regex_match(module, std::regex("(.*\\.)?(" + key + ")"));
  } catch (const std::regex_error&) {
    throw IoError("adapter_config.json: '" + key + "' is not a regular expression");
  }
}

}  // namespace

double lora_scale(const PeftLoraConfig& config, const std::string& module, std::int64_t rank) {
  double alpha = config.lora_alpha;
  for (const auto& [key, value] : config.alpha_pattern)
    if (matches(key, module)) {
      alpha = value;
      break;
    }
  const auto r = static_cast<double>(rank);
  return config.use_rslora ? alpha / std::sqrt(r) : alpha / r;
}

}  // namespace fennec
