#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "core/peft_directory.h"
#include "lora/adapter_attachment.h"
#include "model/causal_lm.h"
#include "model/tokenizer.h"

namespace fennec {

/// A base model with, if asked for, an adapter attached to it.
struct AdaptedModel {
  std::unique_ptr<CausalLm> model;
  std::unique_ptr<PeftAdapter> adapter;           ///< null without one
  std::unique_ptr<AdapterAttachment> attachment;  ///< goes before what it refers to
};

/// The same with its tokenizer.
struct LoadedModel : AdaptedModel {
  Tokenizer tokenizer;
};

/// @param adapter  a PEFT directory; empty = the base model alone.  Throws IoError.
/// @param base_precision  as ModelConfig's
AdaptedModel load_adapted_model(const std::filesystem::path& base, const std::filesystem::path& adapter,
                                const std::string& base_precision = "fp32");
LoadedModel load_model(const std::filesystem::path& base, const std::filesystem::path& adapter,
                       const std::string& base_precision = "fp32");

}  // namespace fennec
