#include "client/local_round.h"

#include <cmath>
#include <optional>
#include <stop_token>
#include <utility>

#include "aggregation/absorption.h"
#include "aggregation/codec.h"
#include "aggregation/travel.h"
#include "client/device_control.h"
#include "client/example_noise.h"
#include "core/digest.h"
#include "core/parameter_math.h"
#include "lora/adapter_attachment.h"
#include "lora/evaluation.h"
#include "model/causal_lm.h"
#include "model/tokenizer.h"
#include "privacy/clip.h"
#include "privacy/grid_sum.h"

namespace fennec {

namespace {

constexpr double kRoundedNorm = 1.0005;   // float rounding of a delta clipped to the limit itself
constexpr std::int64_t kMostRounds = 10;  // an older error belongs to an adapter that is long gone

/// The sums named "loss/<task>/tokens".
std::int64_t scored_tokens(const MetricList& sums) {
  double tokens = 0;
  for (const auto& [name, value] : sums)
    if (name.starts_with("loss/") && name.ends_with("/tokens")) tokens += value;
  return static_cast<std::int64_t>(tokens);
}

/// Under privacy that a device makes for itself the delta is all that may leave: every device weighs
/// the same, and counts, losses and times of its data stay at home.
void tell_nothing_else(UpdateOffer& offer) {
  offer.num_examples = offer.supervised_tokens = offer.steps = 1;
  offer.train_seconds = 0;
  offer.metrics.clear();
}

}  // namespace

LocalRound::LocalRound(const Experiment& experiment, CausalLm& model, const Tokenizer& tokenizer,
                       const DeviceData& data, const ParameterSet& frozen, Noise noise)
    : experiment_(experiment),
      model_(model),
      tokenizer_(tokenizer),
      data_(data),
      frozen_(frozen),
      noise_(noise),
      train_(tokenize_examples(tokenizer, data.train,
                               static_cast<std::size_t>(experiment.train.max_sequence_tokens))) {}

LocalRound::~LocalRound() = default;

Result<TrainedUpdate> LocalRound::train(const RoundPlan& plan, const ParameterSet& version,
                                        const DeviceMemory* memory, TrainHooks hooks) const {
  const Half half = half_of_round(travel_of(experiment_.aggregation), plan.round);
  if (half != Half::kBoth)
    hooks.trains = [half](const std::string& tensor) { return travels(tensor, half); };
  hooks.prefix_store = prefix_store_;
  const DeviceControl control(version, memory);
  hooks.correction = control.correction();
  std::optional<ExampleNoise> privacy;
  if (experiment_.privacy.example.is_on()) {
    privacy.emplace(experiment_.privacy.example, experiment_.train, train_.size(),
                    noise_ == Noise::kSystem ? std::nullopt : std::optional(Seed(plan.seed)));
    hooks.privacy = &*privacy;
  }
  const LayoutPtr layout = travelling_layout(version.layout(), Half::kBoth);
  ParameterSet trained = gather(version, layout);
  const ParameterSet branch = absorbed_of(version);
  Trainer trainer(model_, experiment_.lora, experiment_.train, branch.empty() ? frozen_ : branch);
  const auto report = trainer.train(trained, train_, Seed(plan.seed), hooks);
  if (!report) return tl::unexpected<Error>(report.error());
  ParameterSet& delta = trained;
  subtract(std::as_const(trained).values(), gather(version, layout).values(), delta.values());
  const auto clipped = clip_l2(delta, device_clip_norm(experiment_.privacy));
  if (!clipped) return tl::unexpected<Error>(clipped.error());
  const bool is_local = experiment_.privacy.dp.is_local();
  if (is_local) add_noise(delta, plan);

  TrainedUpdate update = experiment_.privacy.secagg.is_on() ? unsent(plan, delta, half)
                                                            : encode(plan, delta, memory, half);
  if (control.is_kept()) {
    const auto received = make_codec(update.offer.codec)->decode(update.payload, layout);
    FENNEC_CHECK(received.has_value(), "an update of its own");
    update.memory = {plan.round, control.next(*received, report->steps)};
  }
  update.report = *report;
  UpdateOffer& offer = update.offer;
  offer.num_examples = report->num_examples;
  offer.supervised_tokens = report->supervised_tokens;
  offer.steps = report->steps;
  offer.train_seconds = report->seconds;
  offer.metrics = {{"loss", report->mean_loss},
                   {"first_loss", report->first_loss},
                   {"last_loss", report->last_loss}};
  if (is_local || privacy) tell_nothing_else(offer);
  return update;
}

TrainedUpdate LocalRound::unsent(const RoundPlan& plan, const ParameterSet& delta, Half half) const {
  TrainedUpdate update;
  update.offer.round = plan.round;
  update.offer.base_version = plan.version;
  update.delta = gather(delta, travelling_layout(delta.layout(), half));
  return update;
}

TrainedUpdate LocalRound::encode(const RoundPlan& plan, const ParameterSet& delta,
                                 const DeviceMemory* memory, Half half) const {
  const auto codec = make_codec(experiment_.aggregation.codec);
  const LayoutPtr part = travelling_layout(delta.layout(), half);
  const auto round = static_cast<std::uint64_t>(plan.round.value);
  const EncodeSeeds seeds{Seed(plan.seed).child("encode"),
                          Seed(experiment_.seed).child("selection", round)};
  // The noise of local privacy is meant to stand out of the clip.
  const double limit = experiment_.privacy.dp.is_local() ? 0 : device_clip_norm(experiment_.privacy);
  const bool has_error = codec->keeps_error() && memory != nullptr && !memory->values.empty() &&
                         plan.round.value - memory->round.value <= kMostRounds &&
                         !absorbed_between(experiment_.aggregation, memory->round, plan.round);
  ParameterSet left_out = has_error ? gather(memory->values, part) : ParameterSet();
  TrainedUpdate update;
  update.payload = encode_with_feedback(*codec, gather(delta, part), left_out, seeds,
                                        limit > 0 ? limit * kRoundedNorm : HUGE_VAL);
  if (codec->keeps_error()) {
    update.memory = {plan.round, has_error ? memory->values.clone() : ParameterSet(delta.layout())};
    replace(left_out, update.memory.values);
  }
  UpdateOffer& offer = update.offer;
  offer.round = plan.round;
  offer.base_version = plan.version;
  offer.codec = experiment_.aggregation.codec;
  offer.layout_digest = part->digest();
  offer.payload_bytes = static_cast<std::int64_t>(update.payload.size());
  offer.payload_sha256 = to_hex(sha256(update.payload));
  return update;
}

void LocalRound::add_noise(ParameterSet& delta, const RoundPlan& plan) const {
  const DpConfig& dp = experiment_.privacy.dp;
  SystemRandom system;
  SeededRandom seeded(Seed(plan.seed).child("local_noise"));
  RandomSource& random = noise_ == Noise::kSystem ? static_cast<RandomSource&>(system) : seeded;
  add_grid_noise(delta.values(), dp.noise_multiplier * dp.clip_norm, random);
}

Result<EvaluationReport> LocalRound::evaluate(const RoundPlan& plan, const ParameterSet& version,
                                              const std::stop_token& stop) const {
  EvaluationReport report;
  report.round = plan.round;
  report.version = plan.version;
  if (data_.test.empty()) return report;  // nothing to add is an answer: nobody waits for this device
  EvaluateOptions options;
  options.max_tokens = static_cast<std::size_t>(experiment_.train.max_sequence_tokens);
  options.stop = stop;
  ParameterSet attached = gather(version, travelling_layout(version.layout(), Half::kBoth));
  const ParameterSet branch = absorbed_of(version);
  const AdapterAttachment attachment(model_, attached, attached_config(experiment_.lora),
                                     /*trainable=*/false, branch.empty() ? frozen_ : branch);
  report.num_examples = static_cast<std::int64_t>(data_.test.size());
  report.metrics = fennec::evaluate(model_, tokenizer_, data_.test, options).to_sums();
  report.supervised_tokens = scored_tokens(report.metrics);
  if (stop.stop_requested()) return fail(ErrorCode::kBudget, "evaluation stopped");
  return report;
}

}  // namespace fennec
