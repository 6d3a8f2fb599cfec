#include "core/peft_directory.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/parameter_math.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

using Json = nlohmann::ordered_json;  // pattern order matters: the first match wins

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kWeightsFile = "adapter_model.safetensors";

/// Typed access to the keys of adapter_config.json, with the file and key in every error.
class ConfigKeys {
 public:
  ConfigKeys(const std::filesystem::path& file, const Json& root) : file_(file), root_(root) {}

  [[noreturn]] void refuse(const std::string& what) const {
    throw IoError(file_.string() + ": " + what);
  }

  const Json* get(const char* key) const {  // null and absent mean the default
    const auto it = root_.find(key);
    return it == root_.end() || it->is_null() ? nullptr : &*it;
  }
  double number(const char* key, double otherwise) const {
    const Json* value = get(key);
    if (value == nullptr) return otherwise;
    if (!value->is_number()) refuse(std::string(key) + " must be a number");
    return value->get<double>();
  }
  bool flag(const char* key) const {
    const Json* value = get(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) refuse(std::string(key) + " must be true or false");
    return value->get<bool>();
  }
  std::string text(const char* key, const std::string& otherwise) const {
    const Json* value = get(key);
    if (value == nullptr) return otherwise;
    if (!value->is_string()) refuse(std::string(key) + " must be a string");
    return value->get<std::string>();
  }
  std::vector<std::string> names(const char* key) const {
    std::vector<std::string> out;
    const Json* value = get(key);
    if (value == nullptr) return out;
    if (!value->is_array()) refuse(std::string(key) + " must be a list of names");
    for (const Json& item : *value) {
      if (!item.is_string()) refuse(std::string(key) + " must be a list of names");
      out.push_back(item.get<std::string>());
    }
    return out;
  }
  std::vector<std::pair<std::string, double>> pattern(const char* key) const {
    std::vector<std::pair<std::string, double>> out;
    const Json* value = get(key);
    if (value == nullptr) return out;
    if (!value->is_object()) refuse(std::string(key) + " must map patterns to numbers");
    for (const auto& [regex, item] : value->items()) {
      if (!item.is_number()) refuse(std::string(key) + " must map patterns to numbers");
      out.emplace_back(regex, item.get<double>());
    }
    return out;
  }

 private:
  const std::filesystem::path& file_;
  const Json& root_;
};

int rank_of(const ConfigKeys& keys) {
  const double r = keys.number("r", 8);
  if (!(r >= 1 && r <= 65536) || r != std::floor(r)) keys.refuse("r must be a positive integer");
  return static_cast<int>(r);
}

PeftLoraConfig read_config(const std::filesystem::path& file) {
  Json root;
  try {
    root = Json::parse(read_text_file(file));
  } catch (const Json::exception& e) {
    throw IoError(file.string() + ": " + e.what());
  }
  const ConfigKeys keys(file, root);
  if (!root.is_object()) keys.refuse("not a JSON object");
  if (const std::string type = keys.text("peft_type", ""); type != "LORA")
    keys.refuse("peft_type is '" + type + "', only LORA can be read");
  if (const std::string bias = keys.text("bias", "none"); bias != "none")
    keys.refuse("bias is '" + bias + "', only \"none\" can be read");
  if (keys.flag("lora_bias")) keys.refuse("lora_bias is true, which cannot be read");
  PeftLoraConfig config;
  config.r = rank_of(keys);
  config.lora_alpha = keys.number("lora_alpha", 8);
  config.lora_dropout = keys.number("lora_dropout", 0);
  config.use_rslora = keys.flag("use_rslora");
  config.use_dora = keys.flag("use_dora");
  config.fan_in_fan_out = keys.flag("fan_in_fan_out");
  config.base_model_name_or_path = keys.text("base_model_name_or_path", "");
  if (const Json* target = keys.get("target_modules"); target != nullptr && target->is_string()) {
    config.target_regex = target->get<std::string>();
  } else {
    config.target_modules = keys.names("target_modules");
  }
  config.modules_to_save = keys.names("modules_to_save");
  config.rank_pattern = keys.pattern("rank_pattern");
  config.alpha_pattern = keys.pattern("alpha_pattern");
  return config;
}

/// PEFT stores the untouched embedding beside its adapter; it is not part of the adapter.
bool is_ignored(std::string_view name) { return name.ends_with(".base_layer.weight"); }

ParameterSet read_tensors(const std::filesystem::path& file) {
  const Safetensors stored = Safetensors::open(file);
  std::vector<const TensorView*> views;
  for (const TensorView& view : stored.tensors())
    if (!is_ignored(view.name)) views.push_back(&view);
  std::sort(views.begin(), views.end(),
            [](const TensorView* a, const TensorView* b) { return a->name < b->name; });
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (const TensorView* view : views) tensors.emplace_back(view->name, view->shape);
  ParameterSet out(std::make_shared<const ParameterLayout>(std::move(tensors)));
  std::size_t index = 0;
  for (const ParameterEntry& entry : out.layout()->entries()) {
    const std::span<float> values = out.values(entry);
    if (const auto done = to_float(*views[index++], values); !done)
      throw IoError(file.string() + ": tensor '" + entry.name + "': " + done.error().message);
    if (!all_finite(values))
      throw IoError(file.string() + ": tensor '" + entry.name + "' holds a NaN or Inf");
  }
  return out;
}

struct PairKind {
  std::string_view a, b;
};
constexpr PairKind kPairs[] = {{".lora_A.weight", ".lora_B.weight"},
                               {".lora_embedding_A", ".lora_embedding_B"}};

/// Every A has its B and the other way round, with one rank: `r` unless a rank pattern says otherwise.
void check_pairs(const std::filesystem::path& file, const PeftLoraConfig& config,
                 const ParameterLayout& layout) {
  std::size_t pairs = 0;
  for (const ParameterEntry& entry : layout.entries()) {
    const auto refuse = [&](const std::string& what) {
      throw IoError(file.string() + ": tensor '" + entry.name + "' " + what);
    };
    if (entry.name.ends_with(".lora_B.bias"))
      refuse("cannot be read: lora_bias adapters are not supported");
    for (const auto& [a, b] : kPairs) {
      const bool is_a = entry.name.ends_with(a), is_b = entry.name.ends_with(b);
      if (!is_a && !is_b) continue;
      const std::string other_name =
          entry.name.substr(0, entry.name.size() - (is_a ? a : b).size()).append(is_a ? b : a);
      const ParameterEntry* other = layout.find(other_name);
      if (other == nullptr) refuse("has no partner '" + other_name + "'");
      if (entry.shape.size() != 2) refuse("is not a matrix");
      if (!is_a) continue;
      ++pairs;
      if (other->shape.size() != 2 || other->shape[1] != entry.shape[0])
        refuse("and its B disagree on the rank");
      if (config.rank_pattern.empty() && entry.shape[0] != config.r)
        refuse("has rank " + std::to_string(entry.shape[0]) + ", but r is " + std::to_string(config.r));
    }
  }
  if (pairs == 0) throw IoError(file.string() + ": no LoRA tensors");
}

Json number(double value) {  // 8, not 8.0, as PEFT writes integers
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

Json pattern(const std::vector<std::pair<std::string, double>>& entries) {
  Json out = Json::object();
  for (const auto& [regex, value] : entries) out[regex] = number(value);
  return out;
}

}  // namespace

PeftAdapter read_peft_directory(const std::filesystem::path& dir) {
  PeftAdapter adapter{read_config(dir / kConfigFile), read_tensors(dir / kWeightsFile)};
  check_pairs(dir / kWeightsFile, adapter.config, *adapter.tensors.layout());
  return adapter;
}

std::string to_adapter_config_json(const PeftLoraConfig& config) {
  Json out;
  out["alpha_pattern"] = pattern(config.alpha_pattern);
  out["base_model_name_or_path"] = config.base_model_name_or_path;
  out["bias"] = "none";
  out["fan_in_fan_out"] = config.fan_in_fan_out;
  out["inference_mode"] = true;
  out["init_lora_weights"] = true;
  out["layers_pattern"] = nullptr;
  out["layers_to_transform"] = nullptr;
  out["lora_alpha"] = number(config.lora_alpha);
  out["lora_dropout"] = config.lora_dropout;
  out["modules_to_save"] =
      config.modules_to_save.empty() ? Json(nullptr) : Json(config.modules_to_save);
  out["peft_type"] = "LORA";
  out["r"] = config.r;
  out["rank_pattern"] = pattern(config.rank_pattern);
  out["revision"] = nullptr;
  out["target_modules"] =
      config.target_regex ? Json(*config.target_regex) : Json(config.target_modules);
  out["task_type"] = "CAUSAL_LM";
  out["use_dora"] = config.use_dora;
  out["use_rslora"] = config.use_rslora;
  return out.dump(2) + "\n";
}

void write_peft_directory(const std::filesystem::path& dir, const PeftLoraConfig& config,
                          const ParameterSet& tensors) {
  std::error_code failed;
  std::filesystem::create_directories(dir, failed);
  if (failed) throw IoError(dir.string() + ": cannot create: " + failed.message());
  write_file_atomically(dir / kWeightsFile, write_safetensors(to_views(tensors)));
  write_file_atomically(dir / kConfigFile, to_adapter_config_json(config));
}

ParameterSet arrange(const ParameterSet& tensors, const LayoutPtr& layout, const std::string& where) {
  const ParameterLayout& given = *tensors.layout();
  if (given.entries().size() != layout->entries().size())
    throw IoError(where + ": " + std::to_string(given.entries().size()) + " tensors, expected " +
                  std::to_string(layout->entries().size()));
  ParameterSet out(layout);
  for (const ParameterEntry& entry : layout->entries()) {
    const ParameterEntry* source = given.find(entry.name);
    if (source == nullptr) throw IoError(where + ": no tensor '" + entry.name + "'");
    if (source->shape != entry.shape)
      throw IoError(where + ": tensor '" + entry.name + "' has another shape");
    std::copy_n(tensors.values(*source).begin(), entry.size, out.values(entry).begin());
  }
  return out;
}

}  // namespace fennec
