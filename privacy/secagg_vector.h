#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/error.h"
#include "privacy/ring_vector.h"
#include "privacy/secret_bytes.h"

namespace fennec {

/// What follows the delta in a device's vector, under the masks with it: the share of its values that
/// were clipped, and its training loss. The coordinator learns their means over the cohort.
inline constexpr std::size_t kVectorFigures = 2;
/// A loss beyond this counts as this, nats per supervised token.
inline constexpr double kLargestLoss = 32;

/// What a device puts into a sum.
struct DeviceVector {
  std::span<const float> delta;
  double weight = 1;  ///< of max_weight; ignored when the coding is not weighted
  double loss = 0;    ///< nats per supervised token
};

struct CodedVector {
  std::vector<std::uint32_t> ring;  ///< coding.length() elements
  std::int64_t clipped = 0;         ///< values beyond ±coding.clip
};

/// kNumeric when a value or the loss is NaN or Inf.
/// @param max_weight  w_max  @param rounding_seed  used for nothing else
Result<CodedVector> code_vector(const DeviceVector& vector, const RingCoding& coding, double max_weight,
                                const SecretKey& rounding_seed);

/// The mean that a sum over `contributors` gives.
struct VectorMean {
  std::vector<float> delta;
  double weight = 0;         ///< summed, in units of the devices' weights; contributors without weights
  double clipped_share = 0;  ///< weighted mean over the devices
  double loss = 0;
};

/// kNumeric when the weights sum to 0.
Result<VectorMean> decode_vector(std::span<const std::uint32_t> sum, const RingCoding& coding,
                                 double max_weight, std::uint32_t contributors);

}  // namespace fennec
