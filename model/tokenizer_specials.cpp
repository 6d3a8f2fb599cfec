#include "model/tokenizer_specials.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

using nlohmann::json;

json read_optional_object(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return json::object();
  json value = json::parse(read_text_file(file), nullptr, false);
  if (!value.is_object()) throw IoError(file.string() + ": is not a JSON object");
  return value;
}

/// A token is written as its content or as {"content": …}.
std::vector<TokenId> named(const json& config, const char* key,
                           const std::function<TokenId(const std::string&)>& id_of) {
  if (!config.contains(key)) return {};
  const json& value =
      config[key].is_object() && config[key].contains("content") ? config[key]["content"] : config[key];
  if (!value.is_string()) return {};
  const TokenId id = id_of(value.get<std::string>());
  return id < 0 ? std::vector<TokenId>{} : std::vector<TokenId>{id};
}

/// An id, a list of ids, or null.
std::vector<TokenId> numbered(const json& config, const char* key, std::size_t vocab_size) {
  std::vector<TokenId> out;
  if (!config.contains(key)) return out;
  const json list = config[key].is_array() ? config[key] : json::array({config[key]});
  for (const json& id : list)
    if (id.is_number_integer() && id >= 0 && id < vocab_size) out.push_back(id.get<TokenId>());
  return out;
}

}  // namespace

SpecialIds read_special_ids(const std::filesystem::path& dir,
                            const std::function<TokenId(const std::string&)>& id_of,
                            std::size_t vocab_size) {
  const json tokenizer = read_optional_object(dir / "tokenizer_config.json");
  const json generation = read_optional_object(dir / "generation_config.json");
  const json model = read_optional_object(dir / "config.json");
  const auto gather = [&](const char* name) {
    std::vector<TokenId> all = named(tokenizer, name, id_of);
    for (const json* config : {&generation, &model})
      for (const TokenId id : numbered(*config, (std::string(name) + "_id").c_str(), vocab_size))
        if (std::find(all.begin(), all.end(), id) == all.end()) all.push_back(id);
    return all;
  };
  const auto one = [&](const char* name) -> TokenId {
    if (tokenizer.contains(name) && tokenizer[name].is_null()) return -1;
    const std::vector<TokenId> all = gather(name);
    return all.empty() ? -1 : all.front();
  };
  SpecialIds out{one("bos_token"), one("pad_token"), gather("eos_token"),
                 numbered(generation, "eos_token_id", vocab_size)};
  if (out.pad < 0) out.pad = out.eos.empty() ? 0 : out.eos.front();
  if (out.stop.empty()) out.stop = out.eos;
  return out;
}

std::string read_chat_template(const std::filesystem::path& dir) {
  const std::filesystem::path alone = dir / "chat_template.jinja";
  if (std::filesystem::exists(alone)) return read_text_file(alone);
  const std::filesystem::path file = dir / "tokenizer_config.json";
  const json config = read_optional_object(file);
  if (!config.contains("chat_template") || config["chat_template"].is_null()) return {};
  const json& value = config["chat_template"];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array())
    for (const json& item : value)
      if (item.is_object() && item.value("name", json()) == "default" && item.contains("template") &&
          item["template"].is_string())
        return item["template"].get<std::string>();
  throw IoError(file.string() +
                ": chat_template must be a string, or a list with a template named \"default\"");
}

}  // namespace fennec
