#include "coordinator/commit.h"

#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "aggregation/codec.h"
#include "aggregation/control_variates.h"
#include "aggregation/travel.h"
#include "coordinator/cross_term_monitor.h"
#include "core/parameter_math.h"
#include "core/safetensors.h"

namespace fennec {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double metric_of(const UpdateOffer& offer, std::string_view wanted) {
  for (const auto& [name, value] : offer.metrics)
    if (name == wanted) return value;
  return kNone;
}

/// Each commit makes one version: round r starts from version r − 1.
std::int64_t staleness_of(const UpdateOffer& offer, RoundId round) {
  return round.value - 1 - offer.base_version.value;
}

ParticipantRecord participant(const ClientId& client, const UpdateOffer& offer, RoundId round,
                              const ParameterSet& delta) {
  return {client,
          offer.num_examples,
          offer.supervised_tokens,
          offer.steps,
          offer.train_seconds,
          metric_of(offer, "loss"),
          l2_norm(delta.values()),
          offer.payload_bytes,
          offer.payload_sha256,
          staleness_of(offer, round)};
}

void sum_up(RoundRecord& record) {
  double loss_sum = 0, weight = 0;
  for (const ParticipantRecord& p : record.participants) {
    record.num_examples += p.num_examples;
    record.supervised_tokens += p.supervised_tokens;
    record.bytes_up += p.bytes_up;
    if (std::isnan(p.loss)) continue;
    loss_sum += p.loss * static_cast<double>(p.supervised_tokens);
    weight += static_cast<double>(p.supervised_tokens);
  }
  record.loss = weight > 0 ? loss_sum / weight : kNone;
}

IoError unreadable(const ClientId& client, RoundId round, const Error& error) {
  return IoError(
      fmt::format("stored update of {} for round {}: {}", client.name, round.value, error.message));
}

struct DecodedUpdate {
  const ClientId& client;
  const UpdateOffer& offer;
  ParameterSet delta;
};

/// An error says what the strategy misses in the update: it is then as if it had not come.
Result<void> fold(Commit& commit, DecodedUpdate update, Aggregator& aggregator,
                  std::optional<CrossTermMonitor>& cross_term) {
  const UpdateOffer& offer = update.offer;
  ParticipantRecord record = participant(update.client, offer, commit.record.round, update.delta);
  if (cross_term) cross_term->add(update.delta, offer.supervised_tokens);
  const Result<void> taken = aggregator.accept(
      {update.client, offer.num_examples, offer.supervised_tokens, offer.steps, std::move(update.delta),
       metric_of(offer, "first_loss"), staleness_of(offer, commit.record.round)});
  if (taken) commit.record.participants.push_back(std::move(record));
  if (!taken && cross_term) cross_term->drop_last();
  return taken;
}

/// L2 over the trained tensors.
double distance(const ParameterSet& a, const ParameterSet& b) {
  ParameterSet between(a.layout());
  subtract(a.values(), b.values(), between.values());
  return l2_norm(gather(between, travelling_layout(a.layout(), Half::kBoth)).values());
}

void drop_all(Commit& commit, const Error& error) {
  for (const ParticipantRecord& p : commit.record.participants)
    commit.dropped.emplace_back(p.client, error);
  commit.record.participants.clear();
}

}  // namespace

Result<ParameterSet> decode_update(const UpdateOffer& offer, std::span<const std::byte> bytes,
                                   const LayoutPtr& layout, double max_norm, Half half) {
  const LayoutPtr sent = travelling_layout(layout, half);
  if (offer.layout_digest != sent->digest())
    return fail(ErrorCode::kMismatch,
                "update has another adapter layout (rank or target modules differ)");
  Result<ParameterSet> delta = make_codec(offer.codec)->decode(bytes, sent);
  if (!delta) return delta;
  if (const double norm = l2_norm(delta->values()); !(norm <= max_norm))
    return fail(ErrorCode::kNumeric,
                fmt::format("update has L2 norm {:.4g}, at most {:.4g} is taken", norm, max_norm));
  return scatter(std::move(*delta), layout);
}

void step_adapter(Commit& commit, const ParameterSet& base, const ParameterSet& delta,
                  ServerOptimizer& optimizer, Half half) {
  std::vector<ParameterSet> before;
  for (const ParameterSet* moment : optimizer.state()) before.push_back(moment->clone());
  optimizer.step(commit.adapter, delta, half);
  move_controls(commit.adapter, delta);
  commit.record.update_norm = distance(commit.adapter, base);
  if (all_finite(commit.adapter.values()) && std::isfinite(commit.record.update_norm)) return;
  const Result<void> restored = optimizer.restore(std::move(before));
  FENNEC_CHECK(restored.has_value(), "an optimizer takes its own state back");
  drop_all(commit, Error{ErrorCode::kNumeric, "folded, the adapter would not be finite"});
  commit.record.update_norm = 0;
  commit.adapter = base.clone();
  commit.empty = true;
}

Commit commit_round(RoundId round, const ParameterSet& base,
                    const std::map<ClientId, UpdateOffer>& contributors, const UpdateStore& updates,
                    Aggregator& aggregator, ServerOptimizer& optimizer, Travel travel) {
  FENNEC_CHECK(!contributors.empty() || aggregator.releases_nothing_received());
  Commit commit{base.clone(), {}, {}};
  commit.record.round = round;
  commit.record.version = AdapterVersion{round.value};
  const Half half = half_of_round(travel, round);
  if (!contributors.empty()) commit.record.codec = contributors.begin()->second.codec;
  std::optional<CrossTermMonitor> cross_term;
  if (half == Half::kBoth && !contributors.empty()) cross_term.emplace(base, contributors.size());
  aggregator.begin(base, round);
  for (const auto& [client, offer] : contributors) {
    Result<ParameterSet> delta =
        decode_update(offer, updates.get(round, client), base.layout(), kMostNorm, half);
    if (!delta && delta.error().code != ErrorCode::kNumeric)
      throw unreadable(client, round, delta.error());
    const Result<void> folded =
        delta ? fold(commit, {client, offer, std::move(*delta)}, aggregator, cross_term)
              : tl::unexpected<Error>(delta.error());
    if (!folded) commit.dropped.emplace_back(client, folded.error());
  }
  commit.empty = commit.record.participants.empty() && !aggregator.releases_nothing_received();
  if (commit.empty) return commit;
  const Result<ParameterSet> combined = aggregator.finish();
  if (!combined) {
    drop_all(commit, combined.error());
    commit.empty = true;
    return commit;
  }
  step_adapter(commit, base, *combined, optimizer, half);
  // With a factor in common the mean of the other is exact.
  commit.record.cross_term = cross_term ? cross_term->finish() : 0;
  sum_up(commit.record);
  return commit;
}

std::vector<std::byte> adapter_file_bytes(const ParameterSet& adapter) {
  return write_safetensors(to_views(adapter));
}

}  // namespace fennec
