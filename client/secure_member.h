#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "configs/experiment.h"
#include "core/parameter_set.h"
#include "privacy/secagg_client.h"
#include "privacy/secagg_plan.h"
#include "privacy/secagg_vector.h"
#include "transport/keys.h"
#include "transport/messages.h"

namespace fennec {

/// What a device knows of a finished training and keeps to itself but for its part in the sum.
struct TrainedVector {
  RoundId round;
  std::uint64_t seed = 0;      ///< of the plan
  std::string adapter_sha256;  ///< of the adapter it was trained from, checked
  ParameterSet delta;          ///< what of it travels, clipped
  std::int64_t supervised_tokens = 0;
  double loss = 0;
};

/// What must outlive the program: no session number is answered twice, no older roster believed, no
/// plan whose update has gone into a session trained for another, no privacy budget spent twice.
struct SecureMemory {
  SecAggMemory sessions;
  std::uint64_t spent_seed = 0;  ///< of the last plan that a session was begun for; 0 = none
  std::int64_t releases = 0;     ///< sessions begun with a noised update, whatever came of them
  bool operator==(const SecureMemory&) const = default;
};

/// What a frame led to. `remember`, when set, must be on disk before `frames` leave.
struct SecureAnswer {
  std::vector<std::vector<std::byte>> frames;
  std::optional<SecureMemory> remember;
  std::optional<SecAggAbort> abort;
  std::string reason;                   ///< of the abort, or why a frame was ignored
  std::optional<std::int64_t> clipped;  ///< values beyond privacy.secagg.clip; set when it was masked
  bool spent = false;                   ///< the last frame of the session is among `frames`
};

/// A device's part in the secure sums of a run: holds one trained update, puts it into one session at
/// most, and forgets it then. Keys and the update never touch the disk. Under distributed differential
/// privacy it counts for itself what it takes part in, and takes no part beyond the budget, whatever
/// the coordinator says. The live client and the simulator use this same class. Not thread-safe.
class SecureMember {
 public:
  /// @param layout  of the whole adapter  @param now  seconds since 1970
  SecureMember(SecAggIdentity identity, const Experiment& experiment, LayoutPtr layout,
               std::string base_digest, SecureMemory memory, Entropy& entropy,
               std::function<std::int64_t()> now);
  ~SecureMember();

  /// Whether the update of this plan has been in a session: then it may not be trained again.
  bool is_spent(const RoundPlan& plan) const { return memory_.spent_seed == plan.seed; }
  void hold(TrainedVector vector);  ///< replaces what was held; a session of it ends
  void forget();
  bool holds() const { return vector_.has_value(); }

  SecureAnswer handle(std::span<const std::byte> frame);
  const SecureMemory& memory() const { return memory_; }

 private:
  void begin();
  void mask(SecureAnswer& answer);
  Result<CodedVector> code();
  bool is_over_budget() const;  ///< one more session would exceed privacy.dp.epsilon
  SecAggPlan plan() const;

  SecAggIdentity identity_;
  const Experiment& experiment_;
  LayoutPtr layout_;
  std::string base_digest_;
  SecureMemory memory_;
  Entropy& entropy_;
  std::function<std::int64_t()> now_;
  std::optional<TrainedVector> vector_;
  std::unique_ptr<SecAggClient> session_;
};

/// A device's signing identity, of its bundle. Throws IoError naming what is wrong.
SecAggIdentity secure_identity(const SigningIdentity& signing);

}  // namespace fennec
