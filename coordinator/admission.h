#pragma once
#include <cstdint>
#include <string>

#include "configs/experiment.h"
#include "coordinator/commit.h"
#include "core/error.h"
#include "core/parameter_set.h"
#include "transport/messages.h"

namespace fennec {

/// What clients' messages are checked against before they reach the round engine.
struct AdmissionRules {
  std::string run_id;
  std::string base_digest;
  std::string codec;  ///< the run's
  LayoutPtr layout;
  Travel travel = Travel::kBoth;  ///< which half of the layout updates hold, by round
  std::int64_t max_update_bytes = 0;
  double max_norm = kMostNorm;  ///< L2 of a decoded update
  // What a device can have done in a round (TrainConfig); step_tokens: of one step at most, one row
  // alone may exceed batch_tokens.
  std::int64_t local_steps = 0, local_epochs = 0, step_tokens = 0, max_sequence_tokens = 0;
};

/// Rounding on the way between a clipped delta and its decoding.
inline constexpr double kClipSlack = 1.001;

/// `max_norm` is device_clip_norm() × kClipSlack when clipping is on and no noise follows, else
/// kMostNorm.
AdmissionRules admission_rules(const Experiment& experiment, const std::string& run_id,
                               const std::string& base_digest, const LayoutPtr& layout);

struct MostWork {
  std::int64_t steps, supervised_tokens;
};
/// The most a device can honestly claim for a round. local_steps: local_steps × step_tokens.
/// local_epochs: every one of the `train_examples` its hello named (at most 2^20 are believed) as long
/// as max_sequence_tokens and a step of its own, times local_epochs: generous, but a weight is bounded.
MostWork most_work(const AdmissionRules& rules, std::int64_t train_examples);

/// kVersion, or kMismatch naming the run or base model that differs.
Result<void> check_hello(const AdmissionRules& rules, const Hello& hello);

/// Before any byte of it is fetched: kMismatch (codec, layout), kMalformed (size beyond
/// transport.max_update_bytes or what the layout can need, digest, weight or steps beyond most_work).
/// @param train_examples  of the sender's hello
Result<void> check_offer(const AdmissionRules& rules, const UpdateOffer& offer,
                         std::int64_t train_examples);

/// kMalformed when its sums do not parse or are not finite.
Result<void> check_report(const EvaluationReport& report);

}  // namespace fennec
