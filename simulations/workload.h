#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "client/device_memory.h"
#include "core/error.h"
#include "core/parameter_set.h"
#include "transport/messages.h"

namespace fennec {

/// An update as a device would have it in its outbox.
struct LocalUpdate {
  UpdateOffer offer;
  std::vector<std::byte> bytes;
  std::shared_ptr<const DeviceMemory> memory;  ///< what the device keeps of it; null = nothing
  /// Under secure aggregation, in place of bytes: what travels of the delta, as the device keeps it.
  std::shared_ptr<const ParameterSet> delta = nullptr;
};

/// What one training thread can do. Results depend on the arguments alone.
class LocalWork {
 public:
  virtual ~LocalWork() = default;
  /// @param memory  LocalUpdate::memory of the device's last accepted update; may be null
  virtual Result<LocalUpdate> train(const RoundPlan& plan, const ParameterSet& base,
                                    const DeviceMemory* memory, std::size_t data_set,
                                    const std::stop_token& stop) = 0;
  virtual Result<EvaluationReport> evaluate(const RoundPlan& plan, const ParameterSet& adapter,
                                            std::size_t data_set, const std::stop_token& stop) = 0;
};

/// What a device has behind it.
struct TrainedBefore {
  bool in_this_life = false;  ///< since it last came up
  bool ever = false;
};

/// What the devices of a run compute on: data sets, and how to train and score on them.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual const std::vector<std::string>& data_sets() const = 0;
  virtual std::int64_t train_examples(std::size_t data_set) const = 0;
  /// Tokens that a round of training, or an evaluation, passes through the model: its duration on a
  /// device. Layers that take no part count for nothing: the tokens are those of an adapter on all.
  virtual std::int64_t train_tokens(std::size_t data_set, TrainedBefore before) = 0;
  virtual std::int64_t evaluation_tokens(std::size_t data_set) = 0;
  virtual std::unique_ptr<LocalWork> make_work() = 0;  ///< once for each training thread
};

}  // namespace fennec
