#include "model/generation_config.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "model/json_node.h"

namespace fennec {
namespace {

SamplingConfig read_sampling(const JsonNode& root) {
  SamplingConfig config;
  config.repetition_penalty = root.number("repetition_penalty", 1);
  if (!root.flag("do_sample", false)) return config;
  config.temperature = root.number("temperature", 1);
  config.top_k = root.integer("top_k", 50);
  config.top_p = root.number("top_p", 1);
  config.min_p = root.number("min_p", 0);
  return config;
}

}  // namespace

SamplingConfig read_sampling_defaults(const std::filesystem::path& dir) {
  const std::filesystem::path file = dir / "generation_config.json";
  if (!std::filesystem::exists(file)) return {};
  const nlohmann::json document = nlohmann::json::parse(read_text_file(file), nullptr, false);
  if (!document.is_object()) throw IoError(file.string() + ": is not a JSON object");
  const SamplingConfig config = read_sampling(JsonNode(document, file.string()));
  try {
    check_sampling(config);
  } catch (const ConfigError& e) {
    throw IoError(file.string() + ": " + e.what());
  }
  return config;
}

}  // namespace fennec
