#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "privacy/secagg_server.h"
#include "transport/messages.h"

namespace fennec {

/// A sum that secure aggregation opened, of one group of a cohort.
struct SecureSum {
  RingCoding coding;
  double max_weight = 1;
  std::vector<ClientId> survivors;  ///< ascending
  std::vector<std::uint32_t> sum;   ///< Σ of their coded vectors
  Sha256Digest sid{};               ///< of its session
  Sha256Digest transcript{};
};

/// Why a round of secure aggregation has no result.
struct SecureFailure {
  SecAggAbort abort = SecAggAbort::kMalformed;
  std::optional<ClientId> culprit;  ///< whom it is held against, if anybody
  std::string why;
};

/// What an event led to.
struct SecureReaction {
  std::vector<std::pair<ClientId, std::vector<std::byte>>> send;
  std::vector<std::pair<ClientId, std::string>> faults;
  std::optional<SecureFailure> failure;  ///< nothing of the round is opened
};

/// One attempt at the sum of a round: a session (privacy/secagg_server.h) for each group of devices,
/// all at once, each phase with a deadline of its own. One group that fails ends the attempt. Sans-IO;
/// not thread-safe.
class SecureRound {
 public:
  struct Group {
    std::map<std::uint32_t, ClientId> members;  ///< by uid
    std::unique_ptr<SecAggServer> server;
  };
  /// @param groups  no device in two  @param phase  what each phase may take
  SecureRound(std::vector<Group> groups, Duration phase);

  SecureReaction open(TimePoint now);
  /// @param client  whom the transport says it is from
  SecureReaction handle(const ClientId& client, std::span<const std::byte> frame, TimePoint now);
  SecureReaction expire(TimePoint now);                        ///< closes the phases whose time is up
  SecureReaction drop(const ClientId& client, TimePoint now);  ///< revoked: nobody waits for it

  /// Whether a vector of this size is due from this client now: only then its bytes are fetched.
  bool wants(const ClientId& client, const SecureVector& offer) const;
  /// What a client that reconnects may have missed.
  std::optional<std::vector<std::byte>> last_frame(const ClientId& client) const;

  bool finished() const;
  std::optional<TimePoint> next_deadline() const;  ///< nothing when no phase is open
  std::vector<SecureSum> sums() const;             ///< in the groups' order; finished() only
  std::int64_t bytes_up() const { return bytes_up_; }
  std::int64_t bytes_down() const { return bytes_down_; }
  /// Of the open phases: those who have answered, and those who are waited for.
  std::size_t answered() const;
  std::size_t awaited() const;

 private:
  struct Session {
    Group group;
    TimePoint deadline{0};
  };
  struct Seat {
    std::size_t session;
    std::uint32_t uid;
  };
  void take(Session& session, SecAggServerReaction made, TimePoint now, SecureReaction& out);
  void put(const Session& session, std::vector<SecAggOutgoing> frames, SecureReaction& out);

  std::vector<Session> sessions_;
  std::map<ClientId, Seat> seats_;
  Duration phase_;
  std::int64_t bytes_up_ = 0, bytes_down_ = 0;
};

}  // namespace fennec
