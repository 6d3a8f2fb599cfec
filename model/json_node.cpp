#include "model/json_node.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace fennec {

void JsonNode::refuse(const std::string& why) const { throw IoError(where_ + ": " + why); }

JsonNode JsonNode::at(const nlohmann::json& value, const std::string& step) const {
  const bool top = where_.empty() || where_.find(": ") == std::string::npos;
  return {value, where_ + (top ? ": " : step.front() == '[' ? "" : ".") + step};
}

bool JsonNode::has(const char* key) const {
  return value_->is_object() && value_->contains(key) && !(*value_)[key].is_null();
}

std::optional<JsonNode> JsonNode::optional(const char* key) const {
  if (!has(key)) return std::nullopt;
  return at((*value_)[key], key);
}

JsonNode JsonNode::child(const char* key) const {
  if (!has(key)) refuse(std::string("'") + key + "' is missing");
  return at((*value_)[key], key);
}

std::string JsonNode::text(const char* key) const {
  const JsonNode node = child(key);
  if (!node.value().is_string()) node.refuse("must be a string");
  return node.value().get<std::string>();
}

std::string JsonNode::text(const char* key, const std::string& otherwise) const {
  return has(key) ? text(key) : otherwise;
}

bool JsonNode::flag(const char* key, bool otherwise) const {
  if (!has(key)) return otherwise;
  const JsonNode node = child(key);
  if (!node.value().is_boolean()) node.refuse("must be true or false");
  return node.value().get<bool>();
}

std::int64_t JsonNode::integer(const char* key) const {
  const JsonNode node = child(key);
  if (!node.value().is_number_integer()) node.refuse("must be an integer");
  return node.value().get<std::int64_t>();
}

std::int64_t JsonNode::integer(const char* key, std::int64_t otherwise) const {
  return has(key) ? integer(key) : otherwise;
}

double JsonNode::number(const char* key, double otherwise) const {
  if (!has(key)) return otherwise;
  const JsonNode node = child(key);
  if (!node.value().is_number()) node.refuse("must be a number");
  return node.value().get<double>();
}

std::vector<JsonNode> JsonNode::items(const char* key) const {
  const JsonNode node = child(key);
  if (!node.value().is_array()) node.refuse("must be a list");
  std::vector<JsonNode> out;
  for (std::size_t i = 0; i < node.value().size(); ++i)
    out.push_back(node.at(node.value()[i], "[" + std::to_string(i) + "]"));
  return out;
}

}  // namespace fennec
