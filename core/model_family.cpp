#include "core/model_family.h"

#include <array>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"

namespace fennec {
namespace {

using nlohmann::json;
using Names = std::string_view;

constexpr std::array<Names, 7> kLlamaNames{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                           "self_attn.o_proj", "mlp.gate_proj",    "mlp.up_proj",
                                           "mlp.down_proj"};
constexpr std::array<Names, 2> kLlamaTargets{"q_proj", "v_proj"};
constexpr std::array<Names, 4> kGpt2Names{"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"};
constexpr std::array<Names, 1> kGpt2Targets{"c_attn"};
constexpr std::array<Names, 4> kGptNeoXNames{"attention.query_key_value", "attention.dense",
                                             "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"};
constexpr std::array<Names, 1> kGptNeoXTargets{"query_key_value"};

constexpr FamilyModules kLlamaModules{"model.embed_tokens", "lm_head",     "model.layers",
                                      kLlamaNames,          kLlamaTargets, false};
constexpr FamilyModules kGpt2Modules{"transformer.wte", "lm_head",    "transformer.h",
                                     kGpt2Names,        kGpt2Targets, true};
constexpr FamilyModules kGptNeoXModules{"gpt_neox.embed_in", "embed_out",     "gpt_neox.layers",
                                        kGptNeoXNames,       kGptNeoXTargets, false};

#define FENNEC_FAMILY(name, architecture, modules) ModelFamily{#name, architecture, modules},
constexpr ModelFamily kFamilies[] = {FENNEC_MODEL_FAMILIES(FENNEC_FAMILY)};
#undef FENNEC_FAMILY

[[noreturn]] void refuse(const std::string& where, const std::string& why) {
  std::string known;
  for (const ModelFamily& family : kFamilies)
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  throw IoError(where + ": " + why + "; supported: " + known +
                " with weights in F32, F16, BF16 or F64");
}

bool is_set(const json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && !found->is_null();
}

void refuse_kinds(const json& config, const std::string& where) {
  if (is_set(config, "quantization_config"))
    refuse(where,
           "key 'quantization_config': quantised checkpoints are not, take the original weights");
  if (is_set(config, "auto_map"))
    refuse(where, "key 'auto_map': the checkpoint needs remote code, which is never run");
  for (const char* key : {"num_local_experts", "num_experts", "n_routed_experts",
                          "moe_intermediate_size", "num_experts_per_tok"})
    if (is_set(config, key) && config[key] != 0)
      refuse(where, "key '" + std::string(key) + "': mixture-of-experts models are not");
}

}  // namespace

std::span<const ModelFamily> model_families() { return kFamilies; }

const ModelFamily& family_of(const json& config, const std::string& where) {
  refuse_kinds(config, where);
  const bool by_type = is_set(config, "model_type");
  if (!by_type && !is_set(config, "architectures"))
    throw IoError(where + ": has neither 'model_type' nor 'architectures'");
  const json& named = by_type ? config["model_type"]
                      : config["architectures"].is_array() && !config["architectures"].empty()
                          ? config["architectures"][0]
                          : config["architectures"];
  if (!named.is_string())
    throw IoError(where + ": key '" + (by_type ? "model_type" : "architectures") +
                  "' must name a model");
  const auto name = named.get<std::string>();
  for (const ModelFamily& family : kFamilies)
    if (name == (by_type ? family.model_type : family.architecture)) return family;
  refuse(where, (by_type ? "model_type '" : "architecture '") + name + "' is not supported");
}

std::string full_module_path(std::string module, const FamilyModules& family) {
  const std::string_view root = family.layers.substr(0, family.layers.find('.') + 1);
  if (family.conv1d && module != family.head && !module.starts_with(root)) module.insert(0, root);
  return module;
}

nlohmann::json read_model_config(const std::filesystem::path& base_dir) {
  const std::filesystem::path file = base_dir / "config.json";
  json config = json::parse(read_text_file(file), nullptr, false);
  if (!config.is_object()) throw IoError(file.string() + ": not a JSON object");
  return config;
}

const ModelFamily& family_of_directory(const std::filesystem::path& base_dir) {
  return family_of(read_model_config(base_dir), (base_dir / "config.json").string());
}

}  // namespace fennec
