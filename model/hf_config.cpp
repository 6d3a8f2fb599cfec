#include "model/hf_config.h"

#include <cmath>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace fennec {

using nlohmann::json;

HfConfig::HfConfig(std::unique_ptr<const json> tree, std::string where)
    : json_(std::move(tree)), where_(std::move(where)) {}
HfConfig::HfConfig(HfConfig&&) noexcept = default;
HfConfig& HfConfig::operator=(HfConfig&&) noexcept = default;
HfConfig::~HfConfig() = default;

HfConfig HfConfig::read(const std::filesystem::path& dir) {
  const auto file = dir / "config.json";
  return parse(read_text_file(file), file.string());
}

HfConfig HfConfig::parse(std::string_view text, std::string where) {
  json tree = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (tree.is_discarded()) throw IoError(where + ": not valid JSON");
  if (!tree.is_object()) throw IoError(where + ": must be a JSON object");
  return HfConfig(std::make_unique<const json>(std::move(tree)), std::move(where));
}

HfConfig HfConfig::child(std::string_view key) const {
  const json& node = json_->at(std::string(key));
  if (!node.is_object()) refuse(key, "must be an object");
  return HfConfig(std::make_unique<const json>(node), where_ + ": " + std::string(key));
}

void HfConfig::refuse(std::string_view key, const std::string& why) const {
  throw IoError(where_ + ": key '" + std::string(key) + "' " + why);
}

bool HfConfig::has(std::string_view key) const {
  const auto found = json_->find(std::string(key));
  return found != json_->end() && !found->is_null();
}

double HfConfig::number(std::string_view key, double fallback) const {
  if (!has(key)) return fallback;
  const json& node = json_->at(std::string(key));
  if (!node.is_number()) refuse(key, "must be a number, is " + node.dump());
  const auto value = node.get<double>();
  if (!std::isfinite(value)) refuse(key, "must be finite");
  return value;
}

std::int64_t HfConfig::integer(std::string_view key, std::int64_t fallback) const {
  if (!has(key)) return fallback;
  const double value = number(key, 0);
  if (value != std::floor(value) || std::abs(value) > 9e15)
    refuse(key, "must be a whole number, is " + json_->at(std::string(key)).dump());
  return static_cast<std::int64_t>(value);
}

std::int64_t HfConfig::size(std::string_view key, std::int64_t fallback) const {
  const auto value = integer(key, fallback);
  if (value < 1 || value > std::numeric_limits<std::int32_t>::max())
    refuse(key, "is out of range: " + std::to_string(value));
  return value;
}

bool HfConfig::flag(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  const json& node = json_->at(std::string(key));
  if (!node.is_boolean()) refuse(key, "must be true or false, is " + node.dump());
  return node.get<bool>();
}

std::string HfConfig::text(std::string_view key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  const json& node = json_->at(std::string(key));
  if (!node.is_string()) refuse(key, "must be a string, is " + node.dump());
  return node.get<std::string>();
}

std::string HfConfig::family() const {
  if (has("model_type")) return text("model_type", "");
  if (!has("architectures")) throw IoError(where_ + ": has neither 'model_type' nor 'architectures'");
  const json& list = json_->at("architectures");
  if (!list.is_array() || list.empty() || !list[0].is_string())
    refuse("architectures", "must be a list of names");
  static const std::pair<const char*, const char*> kKnown[] = {
      {"LlamaForCausalLM", "llama"},      {"MistralForCausalLM", "mistral"},
      {"Qwen2ForCausalLM", "qwen2"},      {"Qwen3ForCausalLM", "qwen3"},
      {"GemmaForCausalLM", "gemma"},      {"GPT2LMHeadModel", "gpt2"},
      {"GPTNeoXForCausalLM", "gpt_neox"},
  };
  const auto architecture = list[0].get<std::string>();
  for (const auto& [name, family] : kKnown)
    if (architecture == name) return family;
  return architecture;
}

void HfConfig::refuse_unsupported() const {
  if (has("quantization_config"))
    refuse("quantization_config",
           "is set: quantised checkpoints are not supported, use the original weights");
  if (has("auto_map"))
    refuse("auto_map", "is set: the checkpoint needs remote code, which is never run");
  for (const char* key : {"num_local_experts", "num_experts", "n_routed_experts",
                          "moe_intermediate_size", "num_experts_per_tok"})
    if (has(key) && number(key, 0) > 0)
      refuse(key, "is set: mixture-of-experts models are not supported");
}

RopeConfig HfConfig::rope() const {
  RopeConfig rope;
  rope.max_positions = size("max_position_embeddings", 2048);
  rope.theta = number("rope_theta", rope.theta);
  const char* key = has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!has(key)) return rope;
  const HfConfig scaling = child(key);
  rope.type =
      scaling.has("rope_type") ? scaling.text("rope_type", "") : scaling.text("type", "default");
  rope.theta = scaling.number("rope_theta", rope.theta);
  rope.original_max_positions = scaling.integer("original_max_position_embeddings",
                                                integer("original_max_position_embeddings", 0));
  const double implied =
      rope.original_max_positions > 0
          ? static_cast<double>(rope.max_positions) / static_cast<double>(rope.original_max_positions)
          : 1;
  rope.factor = scaling.number("factor", rope.type == "yarn" ? implied : 1);
  rope.low_freq_factor = scaling.number("low_freq_factor", rope.low_freq_factor);
  rope.high_freq_factor = scaling.number("high_freq_factor", rope.high_freq_factor);
  rope.beta_fast = scaling.number("beta_fast", rope.beta_fast);
  rope.beta_slow = scaling.number("beta_slow", rope.beta_slow);
  rope.truncate = scaling.flag("truncate", rope.truncate);
  if (scaling.has("attention_factor")) rope.attention_factor = scaling.number("attention_factor", 1);
  if (scaling.has("mscale")) rope.mscale = scaling.number("mscale", 0);
  if (scaling.has("mscale_all_dim")) rope.mscale_all_dim = scaling.number("mscale_all_dim", 0);
  rope.partial_rotary_factor = scaling.number("partial_rotary_factor", rope.partial_rotary_factor);
  if (const std::string fault = rope_fault(rope); !fault.empty()) refuse(key, fault);
  return rope;
}

}  // namespace fennec
