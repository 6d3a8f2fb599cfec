#include "coordinator/admission.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "core/evaluation_tally.h"

namespace fennec {

namespace {

constexpr std::int64_t kFramingBytes = 64 * 1024;  // codec headers, beyond the values themselves
constexpr std::int64_t kMostTokens =
    1LL << 40;  // a weight beyond this is a lie, and would swallow the others

bool finite(const MetricList& metrics) {
  return std::all_of(metrics.begin(), metrics.end(),
                     [](const auto& metric) { return std::isfinite(metric.second); });
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<void> check_hello(const AdmissionRules& rules, const Hello& hello) {
  if (hello.protocol != kProtocol)
    return fail(ErrorCode::kVersion, fmt::format("client speaks protocol {}, this coordinator {}",
                                                 hello.protocol, kProtocol));
  if (hello.run_id != rules.run_id)
    return fail(ErrorCode::kMismatch, fmt::format("client belongs to run '{}', this is run '{}'",
                                                  hello.run_id, rules.run_id));
  if (hello.base_digest != rules.base_digest)
    return fail(ErrorCode::kMismatch,
                fmt::format("client has another base model (digest {:.12}…, the run's is {:.12}…)",
                            hello.base_digest, rules.base_digest));
  return {};
}

Result<void> check_offer(const AdmissionRules& rules, const UpdateOffer& offer) {
  if (offer.codec != rules.codec)
    return fail(ErrorCode::kMismatch, fmt::format("update is encoded as '{:.32}', the run uses '{}'",
                                                  offer.codec, rules.codec));
  if (offer.layout_digest != rules.layout->digest())
    return fail(ErrorCode::kMismatch,
                "update has another adapter layout (rank or target modules differ)");
  const std::int64_t needed =
      static_cast<std::int64_t>(rules.layout->size() * sizeof(float)) + kFramingBytes;
  const std::int64_t most = std::min(needed, rules.max_update_bytes);
  if (offer.payload_bytes <= 0 || offer.payload_bytes > most)
    return fail(ErrorCode::kMalformed,
                fmt::format("update of {} bytes, at most {} can be right", offer.payload_bytes, most));
  if (!is_digest(offer.payload_sha256))
    return fail(ErrorCode::kMalformed, "update's digest is not a SHA-256");
  if (offer.supervised_tokens <= 0 || offer.supervised_tokens > kMostTokens ||
      offer.num_examples <= 0 || offer.steps < 0)
    return fail(ErrorCode::kMalformed, fmt::format("update claims {} supervised tokens in {} examples",
                                                   offer.supervised_tokens, offer.num_examples));
  if (!finite(offer.metrics) || !std::isfinite(offer.train_seconds))
    return fail(ErrorCode::kNumeric, "a metric is not finite");
  return {};
}

Result<void> check_report(const EvaluationReport& report) {
  if (!finite(report.metrics)) return fail(ErrorCode::kNumeric, "an evaluation figure is not finite");
  const Result<EvaluationTally> tally = EvaluationTally::from_sums(report.metrics);
  if (!tally) return tl::unexpected<Error>(tally.error());
  return {};
}

}  // namespace fennec
