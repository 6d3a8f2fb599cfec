#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "privacy/entropy.h"
#include "privacy/secagg_phase.h"

namespace fennec {

/// What a session is opened with.
struct SecAggOpening {
  SecAggParams params;                ///< roster_epoch and roster are filled in
  std::vector<std::byte> roster;      ///< signed
  std::vector<std::uint32_t> cohort;  ///< uids on the roster
  std::uint64_t round = 0;            ///< higher than of any session before
  Sha256Digest model{};
};

struct SecAggFault {
  std::uint32_t uid = 0;
  std::string what;
};

struct SecAggServerReaction {
  std::vector<SecAggOutgoing> send;
  std::vector<SecAggFault> faults;       ///< whom something is to be held against
  std::optional<SecAggFailure> failure;  ///< the session is over without a result
  bool advanced = false;                 ///< a phase began: its deadline runs from now
  bool finished = false;                 ///< the sum is there
};

/// The server's side of one session, sans-IO: one phase after the other (secagg_phase.h). Dropouts are
/// what is not there when a phase closes. It learns the sum over the survivors, or nothing. Not
/// thread-safe.
class SecAggServer {
 public:
  /// kMismatch when the parameters cannot be had, a member is not on the roster, or the roster is not
  /// signed by `authority`.
  static Result<std::unique_ptr<SecAggServer>> create(SecAggOpening opening, SigningKey key,
                                                      const PublicKey& authority, Entropy& entropy);

  /// M0 for everyone.
  std::vector<SecAggOutgoing> open();
  /// @param uid  whom the transport says it is from
  SecAggServerReaction handle(std::uint32_t uid, std::span<const std::byte> bytes);
  /// The phase's deadline has passed.
  SecAggServerReaction close_phase();
  /// Nobody waits for this client any more (revoked, or known to be gone for good).
  SecAggServerReaction drop(std::uint32_t uid);
  /// What a client that reconnects has missed, if anything: the last frame made for it.
  std::optional<std::vector<std::byte>> last_frame(std::uint32_t uid) const;

  bool is_over() const { return phase_ == nullptr; }
  bool is_finished() const { return finished_; }
  std::optional<SecAggStep> awaited_step() const;
  /// Those who have answered in the open phase, and those it waits for.
  std::size_t answered() const;
  std::size_t awaited() const;

  const SecAggParams& params() const { return session_.params; }
  const Sha256Digest& sid() const { return session_.context.sid; }
  /// U3, and Σ over it of the quantised vectors; only once finished.
  const std::vector<std::uint32_t>& survivors() const { return session_.survivors; }
  std::span<const std::uint32_t> sum() const;
  /// SHA-256 over sid, root, members, survivors and sum: what both sides can compare afterwards.
  Sha256Digest transcript() const;

 private:
  SecAggServer(SecAggOpening opening, SigningKey key, Roster roster, Entropy& entropy);
  void accept(std::uint32_t uid, const SecAggFrame& frame, SecAggServerReaction& reaction);
  void advance_while_complete(SecAggServerReaction& reaction);
  void advance(SecAggServerReaction& reaction);
  void end(SecAggFailure failure, SecAggServerReaction& reaction);
  bool everyone_answered() const;
  void remember(const std::vector<SecAggOutgoing>& sent);

  SecAggOpening opening_;
  ServerNonce nonce_{};
  SecAggSession session_;
  std::unique_ptr<SecAggPhase> phase_;
  std::map<std::pair<std::uint32_t, SecAggStep>, Sha256Digest> seen_;
  std::map<std::uint32_t, std::vector<std::byte>> last_frame_;
  bool finished_ = false;
};

}  // namespace fennec
