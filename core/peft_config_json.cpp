#include <cmath>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/module_pattern.h"
#include "core/peft_config.h"

namespace fennec {
namespace {

using OrderedJson = nlohmann::ordered_json;  // pattern order matters: the first match wins
using Pattern = std::vector<std::pair<std::string, double>>;

constexpr double kLargestRank = 65536;

/// Typed access to the keys of adapter_config.json, with the file and key in every error.
class ConfigKeys {
 public:
  ConfigKeys(const std::string& where, const OrderedJson& root) : where_(where), root_(root) {}

  [[noreturn]] void refuse(const std::string& what) const { throw IoError(where_ + ": " + what); }

  const OrderedJson* get(const char* key) const {  // null and absent mean the default
    const auto it = root_.find(key);
    return it == root_.end() || it->is_null() ? nullptr : &*it;
  }
  double number(const char* key, double otherwise) const {
    const OrderedJson* value = get(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) refuse(std::string(key) + " must be a number");
    return value->get<double>();
  }
  bool flag(const char* key) const {
    const OrderedJson* value = get(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) refuse(std::string(key) + " must be true or false");
    return value->get<bool>();
  }
  std::string text(const char* key, const std::string& otherwise) const {
    const OrderedJson* value = get(key);
    if (value == nullptr) return otherwise;
    if (!value->is_string()) refuse(std::string(key) + " must be a string");
    return value->get<std::string>();
  }
  std::vector<std::string> names(const char* key) const {
    std::vector<std::string> out;
    const OrderedJson* value = get(key);
    if (value == nullptr) return out;
    if (!value->is_array()) refuse(std::string(key) + " must be a list of names");
    for (const OrderedJson& item : *value) {
      if (!item.is_string()) refuse(std::string(key) + " must be a list of names");
      out.push_back(item.get<std::string>());
    }
    return out;
  }
  Pattern pattern(const char* key) const {
    Pattern out;
    const OrderedJson* value = get(key);
    if (value == nullptr) return out;
    if (!value->is_object()) refuse(std::string(key) + " must map patterns to numbers");
    for (const auto& [regex, item] : value->items()) {
      if (!item.is_number()) refuse(std::string(key) + " must map patterns to numbers");
      if (!ModulePattern::compile(regex))
        refuse(std::string(key) + ": '" + regex + "' is not a regular expression");
      out.emplace_back(regex, item.get<double>());
    }
    return out;
  }
  std::vector<int> layers(const char* key) const {
    const OrderedJson* value = get(key);
    if (value == nullptr) return {};
    const OrderedJson list = value->is_array() ? *value : OrderedJson::array({*value});
    std::vector<int> out;
    for (const OrderedJson& item : list) {
      if (!item.is_number_integer() || item.get<double>() < 0 || item.get<double>() > kLargestRank)
        refuse(std::string(key) + " must be layer numbers");
      out.push_back(item.get<int>());
    }
    return out;
  }

 private:
  const std::string& where_;
  const OrderedJson& root_;
};

bool is_rank(double value) { return value >= 1 && value <= kLargestRank && value == std::floor(value); }

void read_lora(const ConfigKeys& keys, PeftConfig& config) {
  if (const std::string bias = keys.text("bias", "none"); bias != "none")
    keys.refuse("bias is '" + bias + "', only \"none\" can be read");
  if (keys.flag("lora_bias")) keys.refuse("lora_bias is true, which cannot be read");
  const double r = keys.number("r", 8);
  if (!is_rank(r)) keys.refuse("r must be a positive integer");
  config.r = static_cast<int>(r);
  config.lora_alpha = keys.number("lora_alpha", 8);
  config.lora_dropout = keys.number("lora_dropout", 0);
  config.use_rslora = keys.flag("use_rslora");
  config.use_dora = keys.flag("use_dora");
  config.layers_to_transform = keys.layers("layers_to_transform");
  config.rank_pattern = keys.pattern("rank_pattern");
  config.alpha_pattern = keys.pattern("alpha_pattern");
  for (const auto& [regex, rank] : config.rank_pattern)
    if (!is_rank(rank)) keys.refuse("rank_pattern: '" + regex + "' must be a positive integer");
}

void read_targets(const ConfigKeys& keys, PeftConfig& config) {
  const OrderedJson* target = keys.get("target_modules");
  if (target == nullptr || !target->is_string()) {
    config.target_modules = keys.names("target_modules");
    return;
  }
  config.target_regex = target->get<std::string>();
  if (!ModulePattern::compile(*config.target_regex))
    keys.refuse("target_modules: '" + *config.target_regex + "' is not a regular expression");
}

OrderedJson number(double value) {  // 8, not 8.0, as PEFT writes integers
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

OrderedJson pattern(const Pattern& entries) {
  OrderedJson out = OrderedJson::object();
  for (const auto& [regex, value] : entries) out[regex] = number(value);
  return out;
}

OrderedJson list_or_null(const auto& values) {
  return values.empty() ? OrderedJson(nullptr) : OrderedJson(values);
}

void write_lora(OrderedJson& out, const PeftConfig& config) {
  out["alpha_pattern"] = pattern(config.alpha_pattern);
  out["bias"] = "none";
  out["init_lora_weights"] = true;
  out["layers_pattern"] = nullptr;
  out["layers_to_transform"] = list_or_null(config.layers_to_transform);
  out["lora_alpha"] = number(config.lora_alpha);
  out["lora_dropout"] = config.lora_dropout;
  out["peft_type"] = "LORA";
  out["r"] = config.r;
  out["rank_pattern"] = pattern(config.rank_pattern);
  out["use_dora"] = config.use_dora;
  out["use_rslora"] = config.use_rslora;
}

}  // namespace

PeftConfig parse_adapter_config(std::string_view text, const std::string& where) {
  OrderedJson root;
  try {
    root = OrderedJson::parse(text);
  } catch (const OrderedJson::exception& e) {
    throw IoError(where + ": " + e.what());
  }
  const ConfigKeys keys(where, root);
  if (!root.is_object()) keys.refuse("not a JSON object");
  PeftConfig config;
  const std::string type = keys.text("peft_type", "");
  if (type == "LORA") {
    read_lora(keys, config);
  } else if (type == "IA3") {
    config.type = PeftType::kIa3;
    config.feedforward_modules = keys.names("feedforward_modules");
  } else {
    keys.refuse("peft_type is '" + type + "', only LORA and IA3 can be read");
  }
  read_targets(keys, config);
  config.modules_to_save = keys.names("modules_to_save");
  config.fan_in_fan_out = keys.flag("fan_in_fan_out");
  config.base_model_name_or_path = keys.text("base_model_name_or_path", "");
  return config;
}

std::string to_adapter_config_json(const PeftConfig& config) {
  OrderedJson out;
  out["base_model_name_or_path"] = config.base_model_name_or_path;
  out["fan_in_fan_out"] = config.fan_in_fan_out;
  out["inference_mode"] = true;
  out["modules_to_save"] = list_or_null(config.modules_to_save);
  out["revision"] = nullptr;
  out["target_modules"] =
      config.target_regex ? OrderedJson(*config.target_regex) : OrderedJson(config.target_modules);
  out["task_type"] = "CAUSAL_LM";
  if (config.type == PeftType::kIa3) {
    out["feedforward_modules"] = config.feedforward_modules;
    out["init_ia3_weights"] = true;
    out["peft_type"] = "IA3";
  } else {
    write_lora(out, config);
  }
  return out.dump(2) + "\n";
}

}  // namespace fennec
