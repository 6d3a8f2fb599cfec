#include "core/peft_config.h"

#include <cmath>

#include "core/error.h"
#include "core/module_pattern.h"

namespace fennec {

std::optional<double> pattern_value(const std::vector<std::pair<std::string, double>>& pattern,
                                    const std::string& module) {
  for (const auto& [key, value] : pattern) {
    const auto compiled = ModulePattern::compile("(?:.*\\.)?(?:" + key + ")");
    if (!compiled) throw IoError("adapter_config.json: '" + key + "' is not a regular expression");
    if (compiled->matches(module)) return value;
  }
  return std::nullopt;
}

std::int64_t lora_rank(const PeftConfig& config, const std::string& module) {
  const auto rank = pattern_value(config.rank_pattern, module);
  return rank ? static_cast<std::int64_t>(*rank) : config.r;
}

double lora_scale(const PeftConfig& config, const std::string& module, std::int64_t rank) {
  const double alpha = pattern_value(config.alpha_pattern, module).value_or(config.lora_alpha);
  const auto r = static_cast<double>(rank);
  return config.use_rslora ? alpha / std::sqrt(r) : alpha / r;
}

bool ends_with_module(std::string_view path, std::string_view tail) {
  return path == tail || (path.size() > tail.size() && path.ends_with(tail) &&
                          path[path.size() - tail.size() - 1] == '.');
}

}  // namespace fennec
