#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "privacy/ed25519.h"

namespace fennec {

/// The steps of a session in their order. A wire value; each travels in one direction only.
enum class SecAggStep : std::uint8_t {
  kOpen = 0,       ///< M0, to the client: parameters, round, model
  kAdvertise = 1,  ///< M1, from the client: fresh public keys
  kCohort = 2,     ///< M2, to the client: who is in, its neighbours' keys
  kShares = 3,     ///< M3, from the client: sealed shares for its neighbours
  kForward = 4,    ///< M4, to the client: its neighbours' sealed shares
  kMasked = 5,     ///< M5, from the client: the masked vector
  kSurvivors = 6,  ///< M6, to the client: whose vectors arrived
  kConsent = 7,    ///< M6, from the client: its signature on that set
  kProof = 8,      ///< M7, to the client: a quorum of such signatures
  kUnmask = 9,     ///< M8, from the client: shares that open the sum
  kAbort = 10,     ///< either way
};
inline constexpr std::uint8_t kLastStep = 10;
std::string_view to_string(SecAggStep step);

/// Why a side gave up. A wire value.
enum class SecAggAbort : std::uint8_t {
  kMalformed = 1,     ///< a signed message that is not what the step allows
  kPolicy = 2,        ///< parameters this client does not accept
  kRoster = 3,        ///< the roster, a member's key or the graph is not what it must be
  kShare = 4,         ///< a neighbour's sealed shares do not open
  kEquivocation = 5,  ///< the same step twice with different contents
  kTooFew = 6,        ///< fewer members, survivors or neighbours than the parameters ask for
  kConsistency = 7,   ///< no quorum for one set of survivors
  kReconstruct = 8,   ///< a secret that must open does not
  kRange = 9,         ///< the sum is not a sum of vectors in range
  kNonFinite = 10,    ///< the update holds NaN or Inf
};
inline constexpr std::uint8_t kLastAbort = 10;
std::string_view to_string(SecAggAbort abort);

/// One message: "FSA1", version, step, sid, uid, payload length, payload, Ed25519 signature over label
/// ‖ all before it. `uid` is the client's in both directions. After a kMasked frame comes the vector,
/// which the payload's hash covers.
struct SecAggFrame {
  SecAggStep step = SecAggStep::kAbort;
  Sha256Digest sid{};
  std::uint32_t uid = 0;
  std::span<const std::byte> payload;      ///< into what was read
  std::span<const std::byte> signed_part;  ///< what the signature covers
  std::span<const std::byte> tail;         ///< kMasked: the vector
  Signature signature{};

  bool is_signed_by(const PublicKey& key) const;
};

inline constexpr std::size_t kMostFramePayload = std::size_t{1} << 24;

std::vector<std::byte> seal_frame(SecAggStep step, const Sha256Digest& sid, std::uint32_t uid,
                                  std::span<const std::byte> payload, const SigningKey& key);

/// Structure only: kMalformed, kVersion. Nothing is allocated; the result points into `bytes`.
Result<SecAggFrame> read_frame(std::span<const std::byte> bytes);

}  // namespace fennec
