#include "aggregation/client_weights.h"

namespace fennec {
namespace {

/// The mean of updates shortened to aggregation.rule.radius, or the median norm: one client moves the
/// result by no more than its share of that. Not robust by itself against many.
std::vector<double> weigh(const Matrix& gram, const std::vector<double>& p, const RuleConfig& rule) {
  std::vector<double> out = clip_to_median(gram, rule.radius).factors;
  for (std::size_t k = 0; k < out.size(); ++k) out[k] *= p[k];
  return out;
}

}  // namespace

StrategyParts normclip_parts() { return weighing_parts<weigh>(); }

}  // namespace fennec
