#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/parameter_set.h"
#include "core/rng.h"
#include "lora/lora_config.h"
#include "lora/step_rule.h"
#include "lora/trainer.h"

namespace fennec {

/// Everything local training needs to go on as if it had never stopped; the data position follows from
/// the step.
struct TrainCheckpoint {
  std::vector<float> adapter;
  StepState memory;     ///< fewer steps than the report when a batch had nothing to learn from
  TrainReport report;   ///< steps … last_loss so far; nothing else is kept
  double loss_sum = 0;  ///< of the steps' losses, for the mean
};

/// Hex digest of what a checkpoint belongs to: starting adapter, examples, configuration and seed.
/// @param correction  TrainHooks::correction
std::string training_identity(const ParameterSet& start, const ParameterSet& frozen,
                              const ParameterSet* correction,
                              const std::vector<TokenizedExample>& examples, const LoraConfig& lora,
                              const TrainConfig& train, Seed seed);

/// Atomic. Throws IoError.
void save_train_checkpoint(const std::filesystem::path& file, const std::string& identity,
                           const TrainCheckpoint& checkpoint);

/// Nothing when the file is absent, damaged or belongs to other training; all but the first are logged.
std::optional<TrainCheckpoint> load_train_checkpoint(const std::filesystem::path& file,
                                                     const std::string& identity);

}  // namespace fennec
