#pragma once
#include <filesystem>
#include <memory>

#include "core/peft_directory.h"
#include "lora/lora.h"
#include "model/causal_lm.h"
#include "model/tokenizer.h"

namespace fennec {

/// A base model with its tokenizer and, if asked for, an adapter attached to it.
struct LoadedModel {
  Tokenizer tokenizer;
  std::unique_ptr<CausalLm> model;
  std::unique_ptr<PeftAdapter> adapter;        ///< null without one
  std::unique_ptr<LoraAttachment> attachment;  ///< goes before what it refers to
};

/// @param adapter  a PEFT directory; empty = the base model alone.  Throws IoError.
LoadedModel load_model(const std::filesystem::path& base, const std::filesystem::path& adapter);

}  // namespace fennec
