#include "coordinator/admission.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "aggregation/travel.h"
#include "coordinator/commit.h"
#include "core/digest.h"
#include "core/evaluation_tally.h"

namespace fennec {

namespace {

constexpr std::int64_t kFramingBytes = 64 * 1024;  // codec headers, beyond the values themselves
constexpr std::int64_t kMostExamples = 1 << 20;    // of a device; a claim beyond this weighs no more

bool finite(const MetricList& metrics) {
  return std::all_of(metrics.begin(), metrics.end(),
                     [](const auto& metric) { return std::isfinite(metric.second); });
}

}  // namespace

AdmissionRules admission_rules(const Experiment& experiment, const std::string& run_id,
                               const std::string& base_digest, const LayoutPtr& layout) {
  AdmissionRules rules{run_id, base_digest, experiment.aggregation.codec, layout};
  rules.travel = travel_of(experiment.aggregation);
  rules.max_update_bytes = experiment.transport.max_update_bytes;
  // Local noise lies outside the clip norm.
  const double clip_norm = device_clip_norm(experiment.privacy);
  if (clip_norm > 0 && !experiment.privacy.dp.is_local()) rules.max_norm = clip_norm * kClipSlack;
  rules.local_steps = experiment.train.local_steps;
  rules.local_epochs = experiment.train.local_epochs;
  rules.max_sequence_tokens = experiment.train.max_sequence_tokens;
  rules.step_tokens = std::max(experiment.train.batch_tokens, experiment.train.max_sequence_tokens);
  return rules;
}

MostWork most_work(const AdmissionRules& rules, std::int64_t train_examples) {
  if (rules.local_epochs <= 0) return {rules.local_steps, rules.local_steps * rules.step_tokens};
  const std::int64_t seen =
      std::clamp<std::int64_t>(train_examples, 1, kMostExamples) * rules.local_epochs;
  return {seen, seen * rules.max_sequence_tokens};
}

Result<void> check_hello(const AdmissionRules& rules, const Hello& hello) {
  if (hello.protocol < kOldestProtocol || hello.protocol > kProtocol)
    return fail(ErrorCode::kVersion, fmt::format("client speaks protocol {}, this coordinator {} to {}",
                                                 hello.protocol, kOldestProtocol, kProtocol));
  if (hello.run_id != rules.run_id)
    return fail(ErrorCode::kMismatch, fmt::format("client belongs to run '{}', this is run '{}'",
                                                  hello.run_id, rules.run_id));
  if (hello.base_digest != rules.base_digest)
    return fail(ErrorCode::kMismatch,
                fmt::format("client has another base model (digest {:.12}…, the run's is {:.12}…)",
                            hello.base_digest, rules.base_digest));
  return {};
}

Result<void> check_offer(const AdmissionRules& rules, const UpdateOffer& offer,
                         std::int64_t train_examples) {
  if (offer.codec != rules.codec)
    return fail(ErrorCode::kMismatch, fmt::format("update is encoded as '{:.32}', the run uses '{}'",
                                                  offer.codec, rules.codec));
  const LayoutPtr sent = travelling_layout(rules.layout, half_of_round(rules.travel, offer.round));
  if (offer.layout_digest != sent->digest())
    return fail(ErrorCode::kMismatch,
                "update has another adapter layout (rank, target modules or travelling half differ)");
  const std::int64_t needed = static_cast<std::int64_t>(sent->size() * sizeof(float)) + kFramingBytes;
  const std::int64_t most = std::min(needed, rules.max_update_bytes);
  if (offer.payload_bytes <= 0 || offer.payload_bytes > most)
    return fail(ErrorCode::kMalformed,
                fmt::format("update of {} bytes, at most {} can be right", offer.payload_bytes, most));
  if (!is_sha256_hex(offer.payload_sha256))
    return fail(ErrorCode::kMalformed, "update's digest is not a SHA-256");
  const MostWork most_done = most_work(rules, train_examples);
  if (offer.supervised_tokens <= 0 || offer.supervised_tokens > most_done.supervised_tokens ||
      offer.num_examples <= 0 || offer.steps < 0 || offer.steps > most_done.steps)
    return fail(
        ErrorCode::kMalformed,
        fmt::format("update claims {} supervised tokens in {} examples and {} steps, at most {} tokens "
                    "and {} steps can be right",
                    offer.supervised_tokens, offer.num_examples, offer.steps,
                    most_done.supervised_tokens, most_done.steps));
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
