#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/error.h"
#include "privacy/dp_config.h"
#include "privacy/noise_share.h"
#include "privacy/secagg_client.h"
#include "privacy/secagg_config.h"
#include "privacy/secagg_params.h"

namespace fennec {

/// What both sides of a run know of its sessions without being told.
struct SecAggPlan {
  SecAggConfig config;
  int cohort_size = 0;        ///< devices asked a round, all groups together
  double clip_norm = 0;       ///< L2 limit of a delta; 0 = none
  std::size_t values = 0;     ///< floats of a delta that travel
  std::string layout_digest;  ///< of those
  DpConfig dp = {};           ///< of the run; distributed, its noise is in the vectors
};

/// The noise that each device of a session adds. Only with dp.is_distributed(). kMismatch saying why
/// there is none.
Result<NoiseShare> session_noise(const SecAggPlan& plan);

/// How a device's vector is coded: its delta and the figures of secagg_vector.h, or the noised delta.
RingCoding session_coding(const SecAggPlan& plan);

/// The parameters of a session of `members` devices. kMismatch saying what cannot be had.
Result<SecAggParams> session_params(const SecAggPlan& plan, std::uint32_t members);

/// What a device insists on. @param model  of session_model()
SecAggPolicy session_policy(const SecAggPlan& plan, const Sha256Digest& model);

/// What devices train from: the base model and the exact adapter, by their digests.
Sha256Digest session_model(const std::string& base_digest, const std::string& adapter_sha256);

/// Sizes of the groups that `members` devices fall into: they differ by one at most.
std::vector<std::uint32_t> group_sizes(std::uint32_t members, int groups);

/// Why no round of this plan could ever end in a sum; "" when it can. Begins with a key.
std::string session_problem(const SecAggPlan& plan);

}  // namespace fennec
