#include "coordinator/round_figures.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace fennec {

NormSpread norm_spread(const RoundRecord& record) {
  std::vector<double> norms;
  for (const ParticipantRecord& p : record.participants) norms.push_back(p.update_norm);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (norms.empty()) return {kNone, kNone, kNone};
  std::sort(norms.begin(), norms.end());
  const std::size_t n = norms.size();
  return {norms.front(), (norms[(n - 1) / 2] + norms[n / 2]) / 2, norms.back()};
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
  for (const RejectedUpdate& rejected : record.rejected)
    metrics.write({{"kind", std::string("rejected")},
                   {"round", record.round.value},
                   {"client", rejected.client.name},
                   {"reason", rejected.reason}});
}

}  // namespace fennec
