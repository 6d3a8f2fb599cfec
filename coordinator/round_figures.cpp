#include "coordinator/round_figures.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace fennec {

NormSpread norm_spread(const RoundRecord& record) {
  std::vector<double> norms;
  for (const ParticipantRecord& p : record.participants)
    if (!std::isnan(p.update_norm)) norms.push_back(p.update_norm);  // unknown under secure aggregation
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (norms.empty()) return {kNone, kNone, kNone};
  std::sort(norms.begin(), norms.end());
  const std::size_t n = norms.size();
  return {norms.front(), (norms[(n - 1) / 2] + norms[n / 2]) / 2, norms.back()};
}

std::vector<std::int64_t> staleness_histogram(std::span<const RoundRecord> records) {
  std::vector<std::int64_t> out;
  for (const RoundRecord& record : records)
    for (const ParticipantRecord& p : record.participants) {
      const auto age = static_cast<std::size_t>(p.staleness);
      if (out.size() <= age) out.resize(age + 1, 0);
      ++out[age];
    }
  if (out.size() == 1) out.clear();
  return out;
}

void write_aggregation_metrics(MetricsWriter& metrics, const RoundRecord& record) {
  const NormSpread norms = norm_spread(record);
  metrics.write({{"kind", std::string("aggregation")},
                 {"round", record.round.value},
                 {"codec", record.codec},
                 {"bytes_up", record.bytes_up},
                 {"norm_least", norms.least},
                 {"norm_median", norms.median},
                 {"norm_largest", norms.largest},
                 {"cross_term", record.cross_term},
                 {"rejected", static_cast<std::int64_t>(record.rejected.size())}});
  const std::vector<std::int64_t> ages = staleness_histogram({&record, 1});
  for (std::size_t age = 0; age < ages.size(); ++age)
    metrics.write({{"kind", std::string("staleness")},
                   {"round", record.round.value},
                   {"staleness", static_cast<std::int64_t>(age)},
                   {"updates", ages[age]}});
  for (const RejectedUpdate& rejected : record.rejected)
    metrics.write({{"kind", std::string("rejected")},
                   {"round", record.round.value},
                   {"client", rejected.client.name},
                   {"reason", rejected.reason}});
  if (record.secure.sums > 0)
    metrics.write({{"kind", std::string("secure")},
                   {"round", record.round.value},
                   {"sums", std::int64_t{record.secure.sums}},
                   {"survivors", static_cast<std::int64_t>(record.participants.size())},
                   {"clipped_share", record.secure.clipped_share},
                   {"transcript", record.secure.transcript}});
  for (const ReopenedRound& reopened : record.reopened)
    metrics.write({{"kind", std::string("reopened")},
                   {"round", record.round.value},
                   {"abort", reopened.abort},
                   {"reason", reopened.reason}});
}

}  // namespace fennec
