#pragma once
#include <string>
#include <vector>

#include "lora/training_memory.h"

namespace fennec {

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
/// (gradient checkpointing, smaller steps), then capacity of the adapter and length of the texts. Where
/// the method asked for does not fit at all, the same with (IA)³ if that does, and last with MeZO,
/// which takes little more than inference. Nothing fits: the last of these, as small as it gets.
/// @param linears  of the base, as linears_of_checkpoint()  @param budget  bytes
TrainingPlan plan_training(const ModelShape& model, const std::vector<LinearShape>& linears,
                           const TrainingChoice& wish, double budget);

}  // namespace fennec
