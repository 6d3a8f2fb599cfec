#pragma once
#include "core/peft_directory.h"

namespace fennec {

/// The same adapter in the form that PEFT, vLLM and llama.cpp's converter all read alike: plain LoRA of
/// one rank with the whole scale in B, so lora_alpha = r and no patterns; smaller ranks are padded with
/// zeros. Throws ConfigError with the reason when there is no such form: DoRA and (IA)³, whose change
/// of a weight has full rank; saved modules; GPT-2, whose transposed linears llama.cpp's converter
/// takes wrongly. Those can be merged into the base model instead.
PeftAdapter to_portable(const PeftAdapter& adapter);

}  // namespace fennec
