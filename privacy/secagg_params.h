#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "privacy/mask_stream.h"
#include "privacy/ring_vector.h"
#include "privacy/secagg_bytes.h"
#include "privacy/secagg_config.h"
#include "privacy/secagg_degree.h"

namespace fennec {

/// What the server is trusted with. A wire value.
enum class SecAggMode : std::uint8_t {
  kHonestButCurious = 0,  ///< it follows the protocol and looks at all it gets
  kActive = 1,            ///< it may lie: survivors agree on one set before anything is opened
};

inline constexpr std::uint32_t kLargestCohort = 10000;

/// Everything a session is run by; bound into its id.
struct SecAggParams {
  MaskSuite suite = MaskSuite::kAes256Ctr;
  SecAggMode mode = SecAggMode::kHonestButCurious;
  RingCoding coding;
  double max_weight = 1;        ///< w_max: contribution weights are capped here; 1 without weighting
  Sha256Digest layout{};        ///< of the vector: tensor names, shapes, order
  std::uint32_t cohort = 0;     ///< clients asked
  std::uint32_t survivors = 0;  ///< n_min: fewer are never summed
  std::uint32_t degree = 0;     ///< k
  std::uint32_t threshold = 0;  ///< t
  double corrupt = 0.1;         ///< γ
  double dropouts = 0.3;        ///< δ
  double deadline_s = 0;        ///< of each phase
  Sha256Digest privacy{};       ///< hash of the differential privacy in force; zeros: none
  std::uint64_t roster_epoch = 0;
  Sha256Digest roster{};
};

void write(ByteWriter& out, const SecAggParams& params);
SecAggParams read_params(ByteReader& in);  ///< in.ok() tells whether it was well-formed

SecAggAssumptions assumptions_of(const SecAggParams& params);

/// Fills in degree, threshold and, when it is 0, survivors. kMismatch saying what cannot be had.
Result<void> complete_params(SecAggParams& params);

/// Whether the parameters are what they must be: k and t as searched here, no sum wraps, enough
/// survivors. kMismatch naming the parameter. Server and every client ask this.
Result<void> check_params(const SecAggParams& params);

/// Smallest number of members whose signatures fix the survivors: ⌊(n + ⌈γn⌉)/2⌋ + 1. Two different
/// sets cannot both reach it, as only corrupt members sign twice.
std::uint32_t consistency_quorum(std::uint32_t members, double corrupt);

using ServerNonce = std::array<std::byte, 32>;
/// sid = SHA-256("fennec/sa/v1/session" ‖ params ‖ u64 round ‖ model ‖ nonce).
Sha256Digest session_id(const SecAggParams& params, std::uint64_t round, const Sha256Digest& model,
                        const ServerNonce& nonce);

}  // namespace fennec
