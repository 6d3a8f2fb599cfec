#pragma once
#include <string>
#include <vector>

#include "core/base_linears.h"
#include "lora/lora_config.h"
#include "model/step_memory.h"

namespace fennec {

/// What decides how much memory local training takes.
struct TrainingChoice {
  std::string base_precision = "fp32";
  LoraConfig lora;
  TrainConfig train;
};

/// What it takes; every token supervised.
/// @param linears  of the base, as linears_of_checkpoint()
StepMemory memory_of(const ModelShape& model, const std::vector<LinearShape>& linears,
                     const TrainingChoice& choice);

}  // namespace fennec
