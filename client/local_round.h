#pragma once
#include <cstddef>
#include <memory>
#include <stop_token>
#include <vector>

#include "configs/experiment.h"
#include "core/error.h"
#include "core/parameter_set.h"
#include "data/example_io.h"
#include "lora/trainer.h"
#include "transport/messages.h"

namespace fennec {

class CausalLm;
class Tokenizer;

/// What a device sends up: the offer and the bytes it announces.
struct TrainedUpdate {
  UpdateOffer offer;
  std::vector<std::byte> payload;
  TrainReport report;
};

/// The adapter layout that an experiment means on a base model. Throws IoError, ConfigError.
LayoutPtr adapter_layout(const Experiment& experiment, const std::filesystem::path& base);

/// A device's part in a round: local data in, encoded and clipped delta or evaluation sums out. The
/// same plan, data and adapter give the same bytes. Borrows the model and tokenizer; not thread-safe.
class LocalRound {
 public:
  LocalRound(const Experiment& experiment, CausalLm& model, const Tokenizer& tokenizer,
             const DeviceData& data);
  ~LocalRound();

  /// Trains from `adapter` by the plan. kBudget when stopped, kNumeric; kNotFound without training
  /// data.
  Result<TrainedUpdate> train(const RoundPlan& plan, const ParameterSet& adapter,
                              const TrainHooks& hooks = {}) const;
  /// Sums over the device's test examples, an empty report without any; kBudget when stopped.
  Result<EvaluationReport> evaluate(const RoundPlan& plan, const ParameterSet& adapter,
                                    const std::stop_token& stop = {}) const;

 private:
  const Experiment& experiment_;
  CausalLm& model_;
  const Tokenizer& tokenizer_;
  const DeviceData& data_;
  std::vector<TokenizedExample> train_;
};

}  // namespace fennec
