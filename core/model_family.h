#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

/// The only list of model families: X(model_type, architecture, where its modules are). The coordinator
/// reads the rest of the row to lay out an adapter; model/registry.cpp calls load_<model_type>().
#define FENNEC_MODEL_FAMILIES(X)                  \
  X(llama, "LlamaForCausalLM", kLlamaModules)     \
  X(mistral, "MistralForCausalLM", kLlamaModules) \
  X(qwen2, "Qwen2ForCausalLM", kLlamaModules)     \
  X(qwen3, "Qwen3ForCausalLM", kLlamaModules)     \
  X(gemma, "GemmaForCausalLM", kLlamaModules)     \
  X(gpt2, "GPT2LMHeadModel", kGpt2Modules)        \
  X(gpt_neox, "GPTNeoXForCausalLM", kGptNeoXModules)

namespace fennec {

/// What an adapter can be put on, as checkpoints name it.
struct FamilyModules {
  std::string_view embedding, head;         ///< "model.embed_tokens", "lm_head"
  std::string_view layers;                  ///< where the layers are: "model.layers"
  std::span<const std::string_view> names;  ///< linears of one layer, in module order
  std::span<const std::string_view>
      peft_targets;     ///< what PEFT adapts unless told otherwise, by last name
  bool conv1d = false;  ///< weights stored [in, out] (GPT-2's Conv1D)
};

/// What can be known of a family without running it.
struct ModelFamily {
  std::string_view model_type, architecture;
  FamilyModules modules;
};

std::span<const ModelFamily> model_families();

/// The family that a config.json names: `model_type`, or else architectures[0]. Throws IoError
/// beginning with `where` for another family and for quantised, mixture-of-experts and remote-code
/// checkpoints, with what is supported.
const ModelFamily& family_of(const nlohmann::json& config, const std::string& where);

/// The path of a stored module within the transformers model: the hub's gpt2 file leaves out the name
/// of the transformer, "h.0.…".
std::string full_module_path(std::string module, const FamilyModules& family);

/// config.json of a Hugging Face directory. Throws IoError when it is no JSON object.
nlohmann::json read_model_config(const std::filesystem::path& base_dir);
const ModelFamily& family_of_directory(const std::filesystem::path& base_dir);  ///< throws IoError

}  // namespace fennec
