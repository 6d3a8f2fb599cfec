#include "core/lora_layout.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <tuple>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "core/safetensors.h"

namespace fennec {
namespace {

using nlohmann::json;

/// What differs between families as far as linears go.
struct FamilyNames {
  std::string_view model_type, architecture;
  bool conv1d;  ///< weights stored [in, out]
};
constexpr std::array<FamilyNames, 7> kFamilies{{{"llama", "LlamaForCausalLM", false},
                                                {"mistral", "MistralForCausalLM", false},
                                                {"qwen2", "Qwen2ForCausalLM", false},
                                                {"qwen3", "Qwen3ForCausalLM", false},
                                                {"gemma", "GemmaForCausalLM", false},
                                                {"gpt2", "GPT2LMHeadModel", true},
                                                {"gpt_neox", "GPTNeoXForCausalLM", false}}};

/// Order of the linears inside one layer, as the models declare them.
constexpr std::array<std::string_view, 15> kLayerOrder{
    "self_attn.q_proj", "self_attn.k_proj",  "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj",    "mlp.up_proj",       "mlp.down_proj",    "attn.c_attn",
    "attn.c_proj",      "mlp.c_fc",          "mlp.c_proj",       "attention.query_key_value",
    "attention.dense",  "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"};

constexpr std::array<std::string_view, 6> kNotLinear{"embed_tokens", "wte",     "wpe",
                                                     "embed_in",     "lm_head", "embed_out"};

std::string_view leaf(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

bool ends_with_module(std::string_view path, std::string_view tail) {
  return path == tail || (path.size() > tail.size() && path.ends_with(tail) &&
                          path[path.size() - tail.size() - 1] == '.');
}

json read_json(const std::filesystem::path& file) {
  try {
    json value = json::parse(read_text_file(file));
    if (!value.is_object()) throw IoError(file.string() + ": not a JSON object");
    return value;
  } catch (const json::exception& e) {
    throw IoError(file.string() + ": " + e.what());
  }
}

const FamilyNames& family_of(const std::filesystem::path& config_file) {
  const json config = read_json(config_file);
  std::string type, architecture;
  if (const auto it = config.find("model_type"); it != config.end() && it->is_string())
    type = it->get<std::string>();
  if (const auto it = config.find("architectures");
      it != config.end() && it->is_array() && !it->empty() && (*it)[0].is_string())
    architecture = (*it)[0].get<std::string>();
  std::string known;
  for (const FamilyNames& family : kFamilies) {
    if (type.empty() ? family.architecture == architecture : family.model_type == type) return family;
    known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  }
  throw IoError(config_file.string() + ": model_type '" + type +
                "' is not supported; supported: " + known);
}

struct StoredTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

/// Names and shapes of all tensors of a checkpoint, single file or sharded.
std::vector<StoredTensor> stored_tensors(const std::filesystem::path& dir) {
  std::vector<StoredTensor> out;
  const auto index_file = dir / "model.safetensors.index.json";
  if (!std::filesystem::exists(index_file)) {
    const Safetensors file = Safetensors::open(dir / "model.safetensors");
    for (const TensorView& t : file.tensors()) out.push_back({t.name, t.shape});
    return out;
  }
  const json index = read_json(index_file);
  const auto weights = index.find("weight_map");
  if (weights == index.end() || !weights->is_object())
    throw IoError(index_file.string() + ": no weight_map");
  std::map<std::string, std::vector<std::string>> by_shard;
  for (const auto& [tensor, shard] : weights->items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : std::string();
    if (name.empty() || name.find_first_of("/\\") != std::string::npos || name == "." || name == "..")
      throw IoError(index_file.string() + ": weight_map['" + tensor + "'] is not a file name");
    by_shard[name].push_back(tensor);
  }
  for (const auto& [shard, tensors] : by_shard) {
    const Safetensors file = Safetensors::open(dir / shard);
    for (const std::string& name : tensors) {
      const TensorView* tensor = file.find(name);
      if (tensor == nullptr)
        throw IoError((dir / shard).string() + ": no tensor '" + name +
                      "', which the index puts there");
      out.push_back({name, tensor->shape});
    }
  }
  return out;
}

/// Sort key: layer index (first all-digit component), place within the layer, then the path.
std::tuple<std::int64_t, std::size_t, std::string> place(const std::string& module) {
  std::int64_t layer = -1;
  for (std::size_t at = 0; at < module.size() && layer < 0;) {
    const std::size_t end = std::min(module.find('.', at), module.size());
    std::int64_t number = 0;
    const auto [stop, code] = std::from_chars(module.data() + at, module.data() + end, number);
    if (code == std::errc{} && stop == module.data() + end) layer = number;
    at = end + 1;
  }
  std::size_t within = 0;
  while (within < kLayerOrder.size() && !ends_with_module(module, kLayerOrder[within])) ++within;
  return {layer, within, module};
}

}  // namespace

std::vector<LinearShape> linears_of_checkpoint(const std::filesystem::path& base_dir) {
  const FamilyNames& family = family_of(base_dir / "config.json");
  std::vector<LinearShape> out;
  for (const StoredTensor& tensor : stored_tensors(base_dir)) {
    if (tensor.shape.size() != 2 || !tensor.name.ends_with(".weight")) continue;
    std::string module = tensor.name.substr(0, tensor.name.size() - std::string_view(".weight").size());
    if (std::find(kNotLinear.begin(), kNotLinear.end(), leaf(module)) != kNotLinear.end()) continue;
    if (family.conv1d && !module.starts_with("transformer."))
      module = "transformer." + module;  // the hub's gpt2 file
    const std::int64_t first = tensor.shape[0], second = tensor.shape[1];
    out.push_back({std::move(module), family.conv1d ? first : second, family.conv1d ? second : first});
  }
  if (out.empty()) throw IoError(base_dir.string() + ": the checkpoint has no linear layers");
  std::sort(out.begin(), out.end(), [](const LinearShape& a, const LinearShape& b) {
    return place(a.module) < place(b.module);
  });
  return out;
}

std::vector<LinearShape> select_targets(const std::vector<LinearShape>& linears,
                                        const std::vector<std::string>& target_modules) {
  std::vector<bool> chosen(linears.size(), false);
  for (const std::string& entry : target_modules) {
    bool matched = false;
    for (std::size_t i = 0; i < linears.size(); ++i) {
      if (entry != "all-linear" && !ends_with_module(linears[i].module, entry)) continue;
      chosen[i] = matched = true;
    }
    if (matched) continue;
    std::set<std::string> names;
    for (const LinearShape& linear : linears) names.emplace(leaf(linear.module));
    std::string known;
    for (const std::string& name : names) known += ", " + name;
    throw ConfigError("lora.target_modules: '" + entry +
                      "' matches no linear of the base model; there are: all-linear" + known);
  }
  std::vector<LinearShape> out;
  for (std::size_t i = 0; i < linears.size(); ++i)
    if (chosen[i]) out.push_back(linears[i]);
  if (out.empty()) throw ConfigError("lora.target_modules names no module");
  return out;
}

std::string lora_a_name(const std::string& module) {
  return "base_model.model." + module + ".lora_A.weight";
}
std::string lora_b_name(const std::string& module) {
  return "base_model.model." + module + ".lora_B.weight";
}

LayoutPtr lora_layout(const std::vector<LinearShape>& targets, int rank) {
  FENNEC_CHECK(rank >= 1);
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (const LinearShape& target : targets) {
    tensors.emplace_back(lora_a_name(target.module),
                         std::vector<std::int64_t>{rank, target.in_features});
    tensors.emplace_back(lora_b_name(target.module),
                         std::vector<std::int64_t>{target.out_features, rank});
  }
  return std::make_shared<const ParameterLayout>(std::move(tensors));
}

ParameterSet initial_lora(const LayoutPtr& layout, Seed seed) {
  ParameterSet adapter(layout);  // zeros: every B
  std::uint64_t index = 0;
  for (const ParameterEntry& entry : layout->entries()) {
    const Seed draw = seed.child("lora_init", index++);
    if (!entry.name.ends_with(".lora_A.weight")) continue;
    const float bound = 1.0F / std::sqrt(static_cast<float>(entry.shape.at(1)));
    fill_uniform(draw, adapter.values(entry), -bound, bound);
  }
  return adapter;
}

}  // namespace fennec
