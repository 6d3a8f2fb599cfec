#include "coordinator/commit.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "aggregation/codec.h"
#include "core/parameter_math.h"
#include "core/safetensors.h"

namespace fennec {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double reported_loss(const UpdateOffer& offer) {
  for (const auto& [name, value] : offer.metrics)
    if (name == "loss") return value;
  return kNone;
}

ParticipantRecord participant(const ClientId& client, const UpdateOffer& offer,
                              const ParameterSet& delta) {
  return {client,
          offer.num_examples,
          offer.supervised_tokens,
          offer.steps,
          offer.train_seconds,
          reported_loss(offer),
          l2_norm(delta.values()),
          offer.payload_bytes,
          offer.payload_sha256};
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

/// Takes the step, or drops every contributor when the adapter would not stay finite.
void move_adapter(Commit& commit, const ParameterSet& base, const ParameterSet& delta,
                  ServerOptimizer& optimizer) {
  std::vector<ParameterSet> before;
  for (const ParameterSet* moment : optimizer.state()) before.push_back(moment->clone());
  optimizer.step(commit.adapter, delta);
  ParameterSet moved(base.layout());
  subtract(commit.adapter.values(), base.values(), moved.values());
  commit.record.update_norm = l2_norm(moved.values());
  if (all_finite(commit.adapter.values()) && std::isfinite(commit.record.update_norm)) return;
  const Result<void> restored = optimizer.restore(std::move(before));
  FENNEC_CHECK(restored.has_value(), "an optimizer takes its own state back");
  const Error error{ErrorCode::kNumeric, "folded, the adapter would not be finite"};
  for (const ParticipantRecord& p : commit.record.participants)
    commit.dropped.emplace_back(p.client, error);
  commit.record.participants.clear();
  commit.record.update_norm = 0;
  commit.adapter = base.clone();
}

}  // namespace

Result<ParameterSet> decode_update(const UpdateOffer& offer, std::span<const std::byte> bytes,
                                   const LayoutPtr& layout, double max_norm) {
  if (offer.layout_digest != layout->digest())
    return fail(ErrorCode::kMismatch,
                "update has another adapter layout (rank or target modules differ)");
  Result<ParameterSet> delta = make_codec(offer.codec)->decode(bytes, layout);
  if (!delta) return delta;
  if (const double norm = l2_norm(delta->values()); !(norm <= max_norm))
    return fail(ErrorCode::kNumeric,
                fmt::format("update has L2 norm {:.4g}, at most {:.4g} is taken", norm, max_norm));
  return delta;
}

Commit commit_round(RoundId round, const ParameterSet& base,
                    const std::map<ClientId, UpdateOffer>& contributors, const UpdateStore& updates,
                    Aggregator& aggregator, ServerOptimizer& optimizer) {
  FENNEC_CHECK(!contributors.empty());
  Commit commit{base.clone(), {}, {}};
  commit.record.round = round;
  commit.record.version = AdapterVersion{round.value};
  aggregator.begin(base.layout(), round);
  for (const auto& [client, offer] : contributors) {
    Result<ParameterSet> delta = decode_update(offer, updates.get(round, client), base.layout());
    if (!delta && delta.error().code == ErrorCode::kNumeric) {
      commit.dropped.emplace_back(client, delta.error());
      continue;
    }
    if (!delta) throw unreadable(client, round, delta.error());
    ParticipantRecord record = participant(client, offer, *delta);
    const Contribution part{client, offer.num_examples, offer.supervised_tokens, offer.steps,
                            std::move(*delta)};
    if (const Result<void> taken = aggregator.accept(part); !taken)
      throw unreadable(client, round, taken.error());
    commit.record.participants.push_back(std::move(record));
  }
  if (commit.record.participants.empty()) return commit;
  move_adapter(commit, base, aggregator.finish(), optimizer);
  sum_up(commit.record);
  return commit;
}

std::vector<std::byte> adapter_file_bytes(const ParameterSet& adapter) {
  return write_safetensors(to_views(adapter));
}

}  // namespace fennec
