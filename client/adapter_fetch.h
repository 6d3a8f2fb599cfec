#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "aggregation/codec.h"
#include "client/adapter_cache.h"
#include "configs/experiment.h"
#include "core/error.h"
#include "transport/bulk_transfer.h"

namespace fennec {

/// Gets the adapter of a plan: from the disk, from the seed (version 0), or from the coordinator in
/// chunks: the step from the version before, when the plan has one and that version is at hand, else
/// the whole version. Whatever way, the version has the digest that the plan names. Sans-IO but for the
/// cache. Io thread only.
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
  /// An error means that the transfer has been given up. A step that does not lead to the version is
  /// followed by the whole version.
  Result<Progress> accept(const BulkChunk& chunk, std::span<const std::byte> payload);

 private:
  Result<std::optional<ParameterSet>> seeded(const RoundPlan& plan) const;
  bool can_step(const RoundPlan& plan);  ///< and has the version before in before_
  void start(const char* kind, std::int64_t bytes, const std::string& sha256);
  void start_whole() { start("adapter", plan_.adapter_bytes, plan_.adapter_sha256); }
  Result<ParameterSet> whole(std::span<const std::byte> bytes) const;
  Result<ParameterSet> stepped(std::span<const std::byte> bytes) const;

  const Experiment& experiment_;
  LayoutPtr layout_;
  std::function<ParameterSet()> version_0_;
  AdapterCache cache_;
  std::unique_ptr<UpdateCodec> step_codec_;  ///< null: the run has no steps
  RoundPlan plan_;
  ParameterSet before_;  ///< not empty: the step from it is under way
  std::optional<BulkReceiver> receiver_;
  int faults_ = 0;
};

}  // namespace fennec
