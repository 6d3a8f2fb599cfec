#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "privacy/ed25519.h"
#include "privacy/entropy.h"
#include "privacy/secagg_frame.h"
#include "privacy/secagg_graph.h"
#include "privacy/secagg_messages.h"

namespace fennec {

/// Who a client is and whom it trusts; from its enrolment bundle.
struct SecAggIdentity {
  std::uint32_t uid = 0;
  SigningKey key;
  PublicKey server{};     ///< Ed25519 key of the coordinator
  PublicKey authority{};  ///< who signs rosters
};

/// What must outlive a session: the host stores it before the first reply of a session leaves.
struct SecAggMemory {
  std::uint64_t last_round = 0;
  std::uint64_t roster_epoch = 0;
  bool operator==(const SecAggMemory&) const = default;
};

/// What this client insists on, whatever the server says: its own configuration, not a message.
struct SecAggPolicy {
  bool active = false;                         ///< the consistency round is demanded
  std::uint32_t survivors = kFewestSurvivors;  ///< n_min at least
  double corrupt = 0;                          ///< γ at least
  double dropouts = 1;                         ///< δ at most
  RingCoding coding;                           ///< of its own model; the bits are the cohort's matter
  double max_weight = 1;
  Sha256Digest layout{}, privacy{};
  Sha256Digest model{};  ///< SHA-256 of the adapter bytes it trains from
};

/// What one message led to: at most one frame to send. A frame that is not this session's next one is
/// ignored, and the session is as it was.
struct SecAggReaction {
  std::optional<std::vector<std::byte>> frame;
  std::optional<SecAggAbort> abort;
  std::uint32_t culprit = 0;
  std::string reason;  ///< of the abort, or why the frame was ignored
  bool ignored = false;
};

/// A client's side of one session of secure aggregation (Bell et al., CCS 2020: Bonawitz et al.'s
/// double masking on a sparse graph; docs/privacy.md), sans-IO. One object a session; its keys live and
/// die with it, none is ever stored. What it will never do, whoever asks: reveal both shares of one
/// client, reveal anything twice, open a sum of fewer than the policy's survivors, answer after its
/// last step. Not thread-safe.
class SecAggClient {
 public:
  /// @param now  seconds since 1970, for the roster's validity
  SecAggClient(SecAggIdentity identity, SecAggPolicy policy, SecAggMemory memory, std::int64_t now,
               Entropy& entropy);

  /// Takes a frame of the server. Throws IoError when there is no randomness for keys.
  SecAggReaction handle(std::span<const std::byte> frame);

  /// Whether it is time for mask().
  bool wants_vector() const { return stage_ == Stage::kForwarded; }
  /// The quantised update, masked in place and framed: what the server gets of this client's work.
  SecAggReaction mask(std::vector<std::uint32_t> vector);
  /// The update cannot be sent (not finite, training failed): the cohort goes on without this client.
  SecAggReaction give_up(SecAggAbort reason, std::string why);

  const SecAggMemory& memory() const { return memory_; }
  const SecAggParams& params() const { return open_.params; }
  const Sha256Digest& sid() const { return context_.sid; }
  bool is_over() const { return stage_ == Stage::kSpent || stage_ == Stage::kAborted; }
  bool is_spent() const { return stage_ == Stage::kSpent; }
  std::size_t ignored_frames() const { return ignored_; }

 private:
  enum class Stage { kIdle, kAdvertised, kShared, kForwarded, kMasked, kConsented, kSpent, kAborted };
  struct Refusal {
    SecAggAbort abort;
    std::string why;
    std::uint32_t culprit = 0;
  };
  struct Neighbour {
    std::uint32_t uid = 0, rank = 0;
    Advert advert;
    SecretKey mask_seed;  ///< s_uv
    ShareKeys keys;
    bool shared = false;                 ///< in U2
    SecretShare self_share, mask_share;  ///< its shares this client holds
  };
  struct Answer {
    Sha256Digest request{};
    std::optional<std::vector<std::byte>> frame;
  };
  using Reply = tl::expected<std::optional<std::vector<std::byte>>, Refusal>;

  std::optional<SecAggStep> expected_step() const;
  Reply dispatch(const SecAggFrame& frame);
  Reply on(const OpenMessage& open, const SecAggFrame& frame);
  Reply on(const CohortMessage& cohort);
  Reply on(const ForwardMessage& forward);
  Reply on(const SurvivorsMessage& survivors);
  Reply on(const ProofMessage& proof);

  std::optional<Refusal> check_open(const OpenMessage& open, const SecAggFrame& frame);
  std::optional<Refusal> check_cohort(const CohortMessage& cohort);
  std::optional<Refusal> take_neighbour(const CohortMessage::Neighbour& told, std::uint32_t rank);
  std::optional<Refusal> take_shares(Neighbour& from, const SealedShares& sealed);
  std::optional<Refusal> check_survivors(const SurvivorsMessage& survivors);
  SealedShares seal_for(const Neighbour& to, const ShamirPolynomials& self,
                        const ShamirPolynomials& mask) const;
  std::vector<std::byte> unmask();
  std::vector<std::byte> seal(SecAggStep step, std::span<const std::byte> payload) const;
  SecAggReaction ignore(std::string why);
  SecAggReaction abort(Refusal refusal);
  SecAggPeer me_for_shares() const { return {identity_.uid, advert_.share_key}; }
  SecAggPeer me_for_masks() const { return {identity_.uid, advert_.mask_key}; }
  void wipe_keys();

  SecAggIdentity identity_;
  SecAggPolicy policy_;
  SecAggMemory memory_;
  std::int64_t now_;
  Entropy& entropy_;

  Stage stage_ = Stage::kIdle;
  OpenMessage open_;
  Roster roster_;
  SecAggContext context_;
  Advert advert_;
  SecretKey share_secret_, mask_secret_, self_secret_;  ///< c_sk, s_sk, b_u
  std::vector<std::uint32_t> members_, sharers_, survivors_;
  MemberBitmap sharers_bitmap_;
  Sha256Digest survivors_hash_{};
  std::uint32_t rank_ = 0;
  std::vector<Neighbour> neighbours_;  ///< ascending uid
  std::map<SecAggStep, Answer> answered_;
  std::size_t ignored_ = 0;
};

}  // namespace fennec
