#pragma once
#include <cstddef>
#include <memory>
#include <stop_token>
#include <vector>

#include "aggregation/strategy_config.h"
#include "client/device_memory.h"
#include "configs/experiment.h"
#include "core/error.h"
#include "core/parameter_set.h"
#include "data/example_io.h"
#include "lora/trainer.h"
#include "privacy/random_source.h"
#include "transport/messages.h"

namespace fennec {

class CausalLm;
class Tokenizer;

/// What a device sends up: the offer and the bytes it announces.
struct TrainedUpdate {
  UpdateOffer offer;
  std::vector<std::byte> payload;
  TrainReport report;
  DeviceMemory memory;  ///< what the device keeps of it, once it is accepted
  /// Under secure aggregation, in place of a payload: what travels of the clipped delta. The offer then
  /// stays on the device.
  ParameterSet delta = {};
};

/// A device's part in a round: local data in, encoded and clipped delta or evaluation sums out. The
/// same plan, data and adapter give the same bytes, up to local noise. Borrows what it is made from;
/// not thread-safe.
class LocalRound {
 public:
  /// Noise of local and of example-level differential privacy: kSystem protects; kSeeded, from the
  /// plan's seed, is for simulations.
  enum class Noise { kSystem, kSeeded };

  /// @param frozen  the adapter tensors that no round changes (core/adapter_plan.h)
  LocalRound(const Experiment& experiment, CausalLm& model, const Tokenizer& tokenizer,
             const DeviceData& data, const ParameterSet& frozen, Noise noise = Noise::kSystem);
  ~LocalRound();

  /// Where training keeps what train.prefix_cache asks for; outlives the round. Null: nowhere.
  void set_prefix_store(PrefixStore* store) { prefix_store_ = store; }
  const std::vector<TokenizedExample>& training_examples() const { return train_; }

  /// Trains from the plan's version; only the half that the strategy lets travel is trained and sent.
  /// kBudget when stopped, kNumeric; kNotFound without training data.
  /// @param version  adapter, and control variates where the strategy keeps them
  /// @param memory  TrainedUpdate::memory of the last accepted update; null or empty = none
  Result<TrainedUpdate> train(const RoundPlan& plan, const ParameterSet& version,
                              const DeviceMemory* memory = nullptr, TrainHooks hooks = {}) const;
  /// Sums over the device's test examples, an empty report without any; kBudget when stopped.
  Result<EvaluationReport> evaluate(const RoundPlan& plan, const ParameterSet& version,
                                    const std::stop_token& stop = {}) const;

 private:
  void add_noise(ParameterSet& delta, const RoundPlan& plan) const;
  TrainedUpdate unsent(const RoundPlan& plan, const ParameterSet& delta, Half half) const;
  TrainedUpdate encode(const RoundPlan& plan, const ParameterSet& delta, const DeviceMemory* memory,
                       Half half) const;

  const Experiment& experiment_;
  CausalLm& model_;
  const Tokenizer& tokenizer_;
  const DeviceData& data_;
  const ParameterSet& frozen_;
  Noise noise_;
  std::vector<TokenizedExample> train_;
  PrefixStore* prefix_store_ = nullptr;
};

}  // namespace fennec
