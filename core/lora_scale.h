#pragma once
#include <cstdint>
#include <string>

#include "core/peft_directory.h"

namespace fennec {

/// s = alpha/r, or alpha/√r with rsLoRA; alpha_pattern honoured per module. Throws IoError on a pattern
/// that is no regular expression.
double lora_scale(const PeftLoraConfig& config, const std::string& module, std::int64_t rank);

}  // namespace fennec
