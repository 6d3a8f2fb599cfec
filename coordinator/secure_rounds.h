#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aggregation/strategy_config.h"
#include "configs/experiment.h"
#include "coordinator/secure_round.h"
#include "core/parameter_set.h"
#include "core/rng.h"
#include "privacy/secagg_plan.h"

namespace fennec {

/// Who is whom under secure aggregation; the host keeps it current.
struct SecureDirectory {
  std::vector<std::byte> roster;           ///< signed
  std::map<ClientId, std::uint32_t> uids;  ///< of the clients that are on it
};

/// What the coordinator signs sessions with, and whose rosters it believes.
struct SecureKeys {
  SigningKey signing;
  PublicKey authority{};
};

/// What both sides know of a round's sessions. @param layout  of the whole adapter
SecAggPlan secagg_plan(const Experiment& experiment, const LayoutPtr& layout, RoundId round);

/// Throws ConfigError when no round of the experiment could end in a sum, saying why. Nothing when
/// privacy.secagg.mode is off.
void check_secure_plan(const Experiment& experiment, const LayoutPtr& layout);

/// Makes the sessions of a run's rounds. Sans-IO; not thread-safe.
class SecureRounds {
 public:
  /// @param entropy  for session nonces
  SecureRounds(const Experiment& experiment, LayoutPtr layout, std::string base_digest, SecureKeys keys,
               std::unique_ptr<Entropy> entropy);

  void update(SecureDirectory directory) { directory_ = std::move(directory); }

  /// Devices that must be ready before a round's sum is asked for.
  int fewest_updates() const;
  /// Whether the roster knows the client.
  bool knows(const ClientId& client) const { return directory_.uids.contains(client); }

  /// @param opening  the how manieth of this round, rising over restarts: no session number is used
  /// twice
  /// @param members  ascending, each known. kMismatch when they are too few for what is assumed
  Result<std::unique_ptr<SecureRound>> open(RoundId round, std::int64_t opening,
                                            const std::string& adapter_sha256,
                                            const std::vector<ClientId>& members);

 private:
  Result<SecureRound::Group> make_group(RoundId round, std::uint64_t session, const Sha256Digest& model,
                                        std::vector<ClientId> members);

  Experiment experiment_;
  LayoutPtr layout_;
  std::string base_digest_;
  SecureKeys keys_;
  std::unique_ptr<Entropy> entropy_;
  SecureDirectory directory_;
};

}  // namespace fennec
