#include "coordinator/secure_commit.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "aggregation/travel.h"
#include "privacy/noised_vector.h"
#include "privacy/secagg_bytes.h"

namespace fennec {
namespace {

constexpr double kUntold = std::numeric_limits<double>::quiet_NaN();

ParticipantRecord took_part(const ClientId& client) {
  ParticipantRecord record;
  record.client = client;
  record.train_seconds = record.loss = record.update_norm = kUntold;
  return record;
}

/// The figures of a round: means over the groups by their weight.
class Figures {
 public:
  void add(const SecureSum& sum, const VectorMean& mean) {
    weight_ += mean.weight;
    loss_ += mean.loss * mean.weight;
    clipped_ += mean.clipped_share * mean.weight;
    transcripts_.raw(sum.transcript);
    weighted_ = sum.coding.weighted;
    codec_ = sum.coding.is_whole_ring()
                 ? std::string("ring of 32 bits, noised")
                 : fmt::format("ring of 32 bits, values of {}", sum.coding.value_bits);
  }
  void write(RoundRecord& record, std::size_t sums) const {
    record.codec = codec_;
    record.loss = weight_ > 0 ? loss_ / weight_ : kUntold;
    record.supervised_tokens = weighted_ ? static_cast<std::int64_t>(weight_ + 0.5) : 0;
    record.secure = {static_cast<int>(sums), weight_ > 0 ? clipped_ / weight_ : kUntold,
                     to_hex(sha256(transcripts_.bytes()))};
  }

 private:
  double weight_ = 0, loss_ = 0, clipped_ = 0;
  bool weighted_ = false;
  std::string codec_;
  ByteWriter transcripts_{secagg_label("round")};
};

Result<VectorMean> decode(const SecureSum& sum, std::size_t values) {
  const auto contributors = static_cast<std::uint32_t>(sum.survivors.size());
  if (sum.coding.is_whole_ring())
    return decode_noised(sum.sum, sum.coding, sum.sid, values, contributors);
  return decode_vector(sum.sum, sum.coding, sum.max_weight, contributors);
}

/// The mean of one group as one contribution; groups weigh the same.
Result<VectorMean> fold(const SecureSum& sum, std::size_t index, const LayoutPtr& layout, Half half,
                        Aggregator& aggregator) {
  ParameterSet part(travelling_layout(layout, half));
  auto mean = decode(sum, part.size());
  if (!mean) return mean;
  FENNEC_CHECK(part.size() == mean->delta.size());
  std::copy(mean->delta.begin(), mean->delta.end(), part.values().begin());
  const Result<void> taken = aggregator.accept({ClientId{fmt::format("group {:04}", index)}, 1, 1, 1,
                                                scatter(std::move(part), layout), kUntold});
  if (!taken) return tl::unexpected<Error>(taken.error());
  return mean;
}

}  // namespace

Commit commit_sums(RoundId round, const ParameterSet& base, const std::vector<SecureSum>& sums,
                   Aggregator& aggregator, ServerOptimizer& optimizer, Travel travel) {
  FENNEC_CHECK(!sums.empty());
  Commit commit{base.clone(), {}, {}};
  commit.record.round = round;
  commit.record.version = AdapterVersion{round.value};
  commit.empty = true;
  const Half half = half_of_round(travel, round);
  Figures figures;
  aggregator.begin(base, round);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto mean = fold(sums[i], i, base.layout(), half, aggregator);
    if (!mean) return commit;
    figures.add(sums[i], *mean);
  }
  const Result<ParameterSet> combined = aggregator.finish();
  if (!combined) return commit;
  for (const SecureSum& sum : sums)
    for (const ClientId& client : sum.survivors)
      commit.record.participants.push_back(took_part(client));
  std::sort(commit.record.participants.begin(), commit.record.participants.end(),
            [](const auto& a, const auto& b) { return a.client < b.client; });
  commit.empty = false;
  step_adapter(commit, base, *combined, optimizer, half);
  figures.write(commit.record, sums.size());
  return commit;
}

}  // namespace fennec
