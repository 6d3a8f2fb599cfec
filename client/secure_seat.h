#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/local_round.h"
#include "client/run_log.h"
#include "client/secure_member.h"
#include "transport/bulk_transfer.h"

namespace fennec {

/// A live client's seat in secure sums: the member, its memory on disk, and frames to and from
/// messages. Io thread only.
class SecureSeat {
 public:
  using Send = std::function<bool(Frame)>;

  /// Throws IoError when the bundle has no signing identity, or the memory does not read or is of a run
  /// with other settings.
  SecureSeat(const EnrolmentBundle& bundle, const Experiment& experiment, LayoutPtr layout,
             std::string base_digest, std::filesystem::path memory, const RunLog& log, Send send);

  bool is_spent(const RoundPlan& plan) const { return member_.is_spent(plan); }
  /// Keeps the update for its session. @return what to tell the coordinator
  SecureReady hold(const RoundPlan& plan, TrainedUpdate update);
  void forget();
  void on_frame(const SecureFrame& message, std::span<const std::byte> frame);
  /// A request for the masked vector. False when it asks for something else.
  bool on_request(const BulkRequest& request);

 private:
  void remember(const SecureMemory& memory) const;
  void send_frame(RoundId round, std::vector<std::byte> frame);
  void offer_vector(RoundId round);  ///< again when the coordinator repeats what led to it

  std::int64_t chunk_bytes_;
  std::filesystem::path memory_file_;
  std::string settings_;  ///< digest
  const RunLog& log_;
  Send send_;
  SystemEntropy entropy_;
  SecureMember member_;
  std::size_t values_ = 0;
  std::vector<std::byte> masked_;  ///< the masked vector's frame, until the update is forgotten
  std::string transfer_;           ///< its name
};

}  // namespace fennec
