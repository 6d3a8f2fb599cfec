#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace fennec {

/// A value inside a JSON document that knows its place in it: every complaint reads
/// "<file>: normalizer.normalizers[1].type: …". Borrows the document.
class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, std::string where) : value_(&value), where_(std::move(where)) {}

  std::string text(const char* key) const;  ///< IoError unless a string is there
  std::string text(const char* key, const std::string& otherwise) const;
  bool flag(const char* key, bool otherwise) const;
  std::int64_t integer(const char* key) const;
  std::int64_t integer(const char* key, std::int64_t otherwise) const;
  double number(const char* key, double otherwise) const;   ///< written with or without a point
  JsonNode child(const char* key) const;                    ///< IoError unless there
  std::optional<JsonNode> optional(const char* key) const;  ///< empty when absent or null
  std::vector<JsonNode> items(const char* key) const;       ///< of an array that must be there
  std::string type() const { return text("type"); }
  bool has(const char* key) const;

  const nlohmann::json& value() const { return *value_; }
  [[noreturn]] void refuse(const std::string& why) const;  ///< throws IoError

 private:
  JsonNode at(const nlohmann::json& value, const std::string& step) const;
  const nlohmann::json* value_;
  std::string where_;
};

}  // namespace fennec
