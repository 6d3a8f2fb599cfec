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

bool HfConfig::is_null(std::string_view key) const {
  const auto found = json_->find(std::string(key));
  return found != json_->end() && found->is_null();
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

std::vector<std::string> HfConfig::texts(std::string_view key) const {
  std::vector<std::string> out;
  const auto found = json_->find(std::string(key));
  if (found == json_->end() || !found->is_array()) refuse(key, "must be a list of names");
  for (const json& item : *found) {
    if (!item.is_string()) refuse(key, "must be a list of names");
    out.push_back(item.get<std::string>());
  }
  return out;
}

const ModelFamily& HfConfig::family() const { return family_of(*json_, where_); }

std::string HfConfig::json_text() const { return json_->dump(2) + "\n"; }

RopeConfig HfConfig::rope(RopeConfig rope) const {
  rope.max_positions = size("max_position_embeddings", rope.max_positions);
  rope.theta = number("rope_theta", rope.theta);
  rope.partial_rotary_factor = number("partial_rotary_factor", rope.partial_rotary_factor);
  rope.original_max_positions = integer("original_max_position_embeddings", 0);
  const char* key = has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  if (has(key)) child(key).read_scaling(rope);
  if (const std::string fault = rope_fault(rope); !fault.empty())
    refuse(has(key) ? key : "rope_theta", fault);
  return rope;
}

void HfConfig::read_scaling(RopeConfig& rope) const {
  for (const auto& [name, value] : json_->items())
    if (value.is_object()) refuse(name, "differs by kind of layer, which is not supported");
  rope.type = has("rope_type") ? text("rope_type", "") : text("type", "default");
  rope.theta = number("rope_theta", rope.theta);
  rope.partial_rotary_factor = number("partial_rotary_factor", rope.partial_rotary_factor);
  rope.original_max_positions =
      integer("original_max_position_embeddings", rope.original_max_positions);
  const bool is_implied = rope.type == "yarn" && rope.original_max_positions > 0;
  if (rope.type != "default" && !has("factor") && !is_implied)
    refuse("factor", "is missing, which rope type '" + rope.type + "' needs");
  rope.factor = number("factor", is_implied ? static_cast<double>(rope.max_positions) /
                                                  static_cast<double>(rope.original_max_positions)
                                            : 1);
  rope.low_freq_factor = number("low_freq_factor", rope.low_freq_factor);
  rope.high_freq_factor = number("high_freq_factor", rope.high_freq_factor);
  rope.beta_fast = number("beta_fast", rope.beta_fast);
  rope.beta_slow = number("beta_slow", rope.beta_slow);
  rope.truncate = flag("truncate", rope.truncate);
  if (has("attention_factor")) rope.attention_factor = number("attention_factor", 1);
  if (has("mscale")) rope.mscale = number("mscale", 0);
  if (has("mscale_all_dim")) rope.mscale_all_dim = number("mscale_all_dim", 0);
}

}  // namespace fennec
