#include "coordinator/downlink.h"

#include <utility>

#include "aggregation/absorption.h"
#include "aggregation/travel.h"
#include "aggregation/version_step.h"
#include "core/digest.h"
#include "core/parameter_math.h"

namespace fennec {

Downlink::Downlink(const Experiment& experiment)
    : aggregation_(experiment.aggregation),
      seed_(Seed(experiment.seed).child("downlink")),
      fresh_(Seed(experiment.seed).child("absorbed")) {
  if (!experiment.aggregation.downlink.empty()) codec_ = make_codec(experiment.aggregation.downlink);
}

void Downlink::finish(Commit& commit, const ParameterSet& base, ServerOptimizer& optimizer) const {
  const RoundId round = commit.record.round;
  if (!absorbs_after(aggregation_, round)) return encode(commit, base);
  absorb(commit.adapter, fresh_.child("round", static_cast<std::uint64_t>(round.value)));
  const Result<void> emptied = optimizer.restore({});
  FENNEC_CHECK(emptied.has_value(), "an optimizer can begin again");
}

void Downlink::encode(Commit& commit, const ParameterSet& base) const {
  if (codec_ == nullptr) return;
  const RoundId round = commit.record.round;
  const LayoutPtr moved =
      travelling_layout(base.layout(), half_of_round(travel_of(aggregation_), round));
  ParameterSet step(base.layout());
  subtract(std::as_const(commit.adapter).values(), base.values(), step.values());
  const Seed draws = seed_.child("round", static_cast<std::uint64_t>(round.value));
  std::vector<std::byte> bytes = codec_->encode(gather(step, moved), {draws, draws});
  Result<ParameterSet> version = next_version(base, bytes, *codec_, moved);
  if (!version) return;
  subtract(std::as_const(*version).values(), base.values(), step.values());
  commit.record.update_norm = l2_norm(std::as_const(step).values());
  commit.adapter = std::move(*version);
  commit.step = std::move(bytes);
}

StepFile step_file(std::span<const std::byte> step) {
  if (step.empty()) return {};
  return {static_cast<std::int64_t>(step.size()), to_hex(sha256(step))};
}

}  // namespace fennec
