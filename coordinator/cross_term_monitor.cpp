#include "coordinator/cross_term_monitor.h"

#include <limits>

#include "aggregation/figures.h"
#include "aggregation/travel.h"

namespace fennec {

namespace {
constexpr std::size_t kMostParameters = std::size_t{1} << 25;
}

CrossTermMonitor::CrossTermMonitor(const ParameterSet& base, std::size_t clients) {
  // Carried tensors come after the trained ones of a version: positions are the same.
  const LayoutPtr trained = travelling_layout(base.layout(), Half::kBoth);
  if (base.size() * clients > kMostParameters || !has_factor_pairs(*trained)) return;
  pairs_ = factor_pairs(*trained);
  start_ = factors_of(base, *pairs_);
  set_ = empty_set(*pairs_);
}

void CrossTermMonitor::add(const ParameterSet& delta, std::int64_t supervised_tokens) {
  if (!pairs_) return;
  set_.clients.push_back(
      {"", static_cast<double>(supervised_tokens), trained_factors(start_, delta, *pairs_)});
}

void CrossTermMonitor::drop_last() {
  if (!set_.clients.empty()) set_.clients.pop_back();
}

double CrossTermMonitor::finish() {
  if (set_.clients.empty()) return std::numeric_limits<double>::quiet_NaN();
  double total = 0;
  for (const ClientAdapter& client : set_.clients) total += client.weight;
  for (ClientAdapter& client : set_.clients) client.weight /= total;
  return cross_term(set_);
}

}  // namespace fennec
