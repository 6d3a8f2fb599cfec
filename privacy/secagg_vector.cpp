#include "privacy/secagg_vector.h"

#include <algorithm>
#include <cmath>

namespace fennec {

Result<CodedVector> code_vector(const DeviceVector& vector, const RingCoding& coding, double max_weight,
                                const SecretKey& rounding_seed) {
  FENNEC_CHECK(vector.delta.size() + kVectorFigures == coding.values && max_weight > 0);
  if (!std::isfinite(vector.loss) || !std::isfinite(vector.weight))
    return fail(ErrorCode::kNumeric, "the training loss or the weight is not finite");
  const double weight = coding.weighted ? std::clamp(vector.weight, 0.0, max_weight) / max_weight : 1.0;
  CodedVector out;
  out.clipped = std::count_if(vector.delta.begin(), vector.delta.end(), [&](float value) {
    return std::abs(static_cast<double>(value)) > coding.clip;
  });
  const double size = static_cast<double>(std::max<std::size_t>(vector.delta.size(), 1));
  const double share = static_cast<double>(out.clipped) / size;
  const double loss = std::clamp(vector.loss, 0.0, kLargestLoss) / kLargestLoss;
  std::vector<float> values(vector.delta.begin(), vector.delta.end());
  values.push_back(static_cast<float>(coding.clip * share));
  values.push_back(static_cast<float>(coding.clip * loss));
  out.ring.resize(coding.length());
  const Result<QuantizeReport> done = quantize(values, weight, coding, rounding_seed, out.ring);
  wipe(std::as_writable_bytes(std::span(values)));
  if (!done) return tl::unexpected<Error>(done.error());
  return out;
}

Result<VectorMean> decode_vector(std::span<const std::uint32_t> sum, const RingCoding& coding,
                                 double max_weight, std::uint32_t contributors) {
  const double weight = decode_weight(sum, coding, contributors);
  if (!(weight > 0)) return fail(ErrorCode::kNumeric, "the weights of the sum come to nothing");
  VectorMean mean;
  mean.delta.resize(coding.values);
  decode_mean(sum, coding, weight, mean.delta);
  mean.weight = coding.weighted ? weight * max_weight : weight;
  const auto figures = std::span<const float>(mean.delta).last(kVectorFigures);
  mean.clipped_share = static_cast<double>(figures[0]) / coding.clip;
  mean.loss = static_cast<double>(figures[1]) / coding.clip * kLargestLoss;
  mean.delta.resize(coding.values - kVectorFigures);
  return mean;
}

}  // namespace fennec
