#include "model/post_processor.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace fennec {
namespace {

PostProcessor make_template(const JsonNode& node) {
  std::vector<std::optional<std::vector<TokenId>>> parts;  // empty optional: the text itself
  for (const JsonNode& item : node.items("single")) {
    if (const auto sequence = item.optional("Sequence")) {
      if (sequence->text("id") != "A") sequence->refuse("only sequence A can be in a single template");
      parts.emplace_back();
      continue;
    }
    const std::string token = item.child("SpecialToken").text("id");
    const JsonNode ids = node.child("special_tokens").child(token.c_str()).child("ids");
    if (!ids.value().is_array()) ids.refuse("must be a list of ids");
    auto& part = parts.emplace_back(std::in_place).value();
    for (const nlohmann::json& id : ids.value()) {
      if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<TokenId>::max())
        ids.refuse("must be a list of ids");
      part.push_back(id.get<TokenId>());
    }
  }
  return [parts](const std::vector<TokenId>& text) {
    std::vector<TokenId> out;
    for (const auto& part : parts) {
      const std::vector<TokenId>& ids = part ? *part : text;
      out.insert(out.end(), ids.begin(), ids.end());
    }
    return out;
  };
}

}  // namespace

PostProcessor make_post_processor(const std::optional<JsonNode>& node) {
  const auto identity = [](std::vector<TokenId> ids) { return ids; };
  if (!node) return identity;
  const std::string type = node->type();
  if (type == "ByteLevel") return identity;  // concerns offsets only
  if (type == "TemplateProcessing") return make_template(*node);
  if (type == "Sequence") {
    std::vector<PostProcessor> steps;
    for (const JsonNode& item : node->items("processors")) steps.push_back(make_post_processor(item));
    return [steps](std::vector<TokenId> ids) {
      for (const PostProcessor& step : steps) ids = step(std::move(ids));
      return ids;
    };
  }
  node->refuse("post_processor '" + type +
               "' is not supported; known: ByteLevel, TemplateProcessing, Sequence");
}

}  // namespace fennec
