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

}  // namespace

Result<ParameterSet> decode_update(const UpdateOffer& offer, std::span<const std::byte> bytes,
                                   const LayoutPtr& layout) {
  if (offer.layout_digest != layout->digest())
    return fail(ErrorCode::kMismatch,
                "update has another adapter layout (rank or target modules differ)");
  return make_codec(offer.codec)->decode(bytes, layout);
}

Commit commit_round(RoundId round, const ParameterSet& base,
                    const std::map<ClientId, UpdateOffer>& contributors, const UpdateStore& updates,
                    Aggregator& aggregator, ServerOptimizer& optimizer) {
  FENNEC_CHECK(!contributors.empty());
  Commit commit{base.clone(), {}};
  commit.record.round = round;
  commit.record.version = AdapterVersion{round.value};
  aggregator.begin(base.layout(), round);
  for (const auto& [client, offer] : contributors) {
    Result<ParameterSet> delta = decode_update(offer, updates.get(round, client), base.layout());
    if (!delta)
      throw IoError(fmt::format("stored update of {} for round {}: {}", client.name, round.value,
                                delta.error().message));
    commit.record.participants.push_back(participant(client, offer, *delta));
    const Contribution part{client, offer.num_examples, offer.supervised_tokens, offer.steps,
                            std::move(*delta)};
    if (const Result<void> taken = aggregator.accept(part); !taken)
      throw IoError(fmt::format("stored update of {} for round {}: {}", client.name, round.value,
                                taken.error().message));
  }
  optimizer.step(commit.adapter, aggregator.finish());
  ParameterSet moved(base.layout());
  subtract(commit.adapter.values(), base.values(), moved.values());
  commit.record.update_norm = l2_norm(moved.values());
  sum_up(commit.record);
  return commit;
}

std::vector<std::byte> adapter_file_bytes(const ParameterSet& adapter) {
  return write_safetensors(to_views(adapter));
}

}  // namespace fennec
