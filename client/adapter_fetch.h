#pragma once
#include <functional>
#include <optional>

#include "client/adapter_cache.h"
#include "configs/experiment.h"
#include "core/error.h"
#include "transport/bulk_transfer.h"

namespace fennec {

/// Gets the adapter of a plan: from the disk, from the seed (version 0), or from the coordinator in
/// chunks. Sans-IO but for the cache. Io thread only.
class AdapterFetch {
 public:
  /// @param version_0  makes the adapter that every run with this experiment begins with
  AdapterFetch(const Experiment& experiment, LayoutPtr layout, std::function<ParameterSet()> version_0,
               std::filesystem::path cache);

  /// The adapter, when no transfer is needed; else nothing, and a transfer is under way. kMismatch:
  /// version 0 of the coordinator is another; kMalformed: an announced size that cannot be.
  Result<std::optional<ParameterSet>> begin(const RoundPlan& plan);
  /// What to ask now: at the start, after a reconnect, after a stall; nothing when no transfer is under
  /// way.
  std::optional<BulkRequest> request();
  void cancel() { receiver_.reset(); }
  bool active() const { return receiver_.has_value(); }
  std::int64_t received() const { return receiver_ ? receiver_->received() : 0; }

  struct Progress {
    std::optional<BulkRequest> request;
    std::optional<ParameterSet> adapter;  ///< set when the last chunk came
  };
  /// An error means that the transfer has been given up.
  Result<Progress> accept(const BulkChunk& chunk, std::span<const std::byte> payload);

 private:
  Result<std::optional<ParameterSet>> seeded(const RoundPlan& plan) const;

  const Experiment& experiment_;
  LayoutPtr layout_;
  std::function<ParameterSet()> version_0_;
  AdapterCache cache_;
  RoundPlan plan_;
  std::optional<BulkReceiver> receiver_;
  int faults_ = 0;
};

}  // namespace fennec
