#pragma once
#include <string>
#include <vector>

#include "core/lora_layout.h"
#include "lora/lora_config.h"
#include "model/model_config.h"
#include "model/step_memory.h"

namespace fennec {

/// What decides how much memory local training takes.
struct TrainingChoice {
  std::string base_precision = "fp32";
  LoraConfig lora;
  TrainConfig train;
};

/// One concession to a memory budget, and what the training takes with it and all before it.
struct PlanStep {
  std::string change;  ///< "int8 base"
  std::string price;   ///< what it costs; empty for the first, which concedes nothing
  StepMemory memory;
};

struct TrainingPlan {
  TrainingChoice choice;        ///< after the last step
  std::vector<PlanStep> steps;  ///< as far as needed
  bool fits = false;
};

/// Gives up as little as it takes to train within a budget: precision of the base first, then time
/// (gradient checkpointing, smaller steps), then capacity of the adapter and length of the texts.
/// @param linears  of the base, as linears_of_checkpoint()  @param budget  bytes
TrainingPlan plan_training(const ModelShape& model, const std::vector<LinearShape>& linears,
                           const TrainingChoice& wish, double budget);

/// The same estimate for a choice as it is; every token supervised.
StepMemory memory_of(const ModelShape& model, const std::vector<LinearShape>& linears,
                     const TrainingChoice& choice);

}  // namespace fennec
