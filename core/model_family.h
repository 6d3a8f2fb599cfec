#pragma once
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

/// The only list of model families: X(model_type, architecture, linears of a layer). The coordinator
/// reads the rest of the row to lay out an adapter; model/registry.cpp calls load_<model_type>().
#define FENNEC_MODEL_FAMILIES(X)                  \
  X(llama, "LlamaForCausalLM", kLlamaLinears)     \
  X(mistral, "MistralForCausalLM", kLlamaLinears) \
  X(qwen2, "Qwen2ForCausalLM", kLlamaLinears)     \
  X(qwen3, "Qwen3ForCausalLM", kLlamaLinears)     \
  X(gemma, "GemmaForCausalLM", kLlamaLinears)     \
  X(gpt2, "GPT2LMHeadModel", kGpt2Linears)        \
  X(gpt_neox, "GPTNeoXForCausalLM", kGptNeoXLinears)

namespace fennec {

/// The linears of a decoder layer as checkpoints name them.
struct LayerLinears {
  std::string_view layers;                  ///< where the layers are: "model.layers"
  std::span<const std::string_view> names;  ///< within one layer, in module order
  std::span<const std::string_view>
      peft_targets;     ///< what PEFT adapts unless told otherwise, by last name
  bool conv1d = false;  ///< weights stored [in, out] (GPT-2's Conv1D)
};

/// What can be known of a family without running it.
struct ModelFamily {
  std::string_view model_type, architecture;
  LayerLinears linears;
};

std::span<const ModelFamily> model_families();

/// The family that a config.json names: `model_type`, or else architectures[0]. Throws IoError
/// beginning with `where` for another family and for quantised, mixture-of-experts and remote-code
/// checkpoints, with what is supported.
const ModelFamily& family_of(const nlohmann::json& config, const std::string& where);

}  // namespace fennec
