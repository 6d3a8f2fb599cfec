#include "aggregation/client_weights.h"
#include "aggregation/gram.h"

namespace fennec {
namespace {

/// Krum (Blanchard et al., NeurIPS 2017): the client whose n − f − 2 nearest are nearest, in squared
/// distances, itself not counted. Tolerates f with 2f + 2 < n.
std::vector<double> weigh(const Matrix& gram, const std::vector<double>& p, const RuleConfig& rule) {
  std::vector<double> out(p.size(), 0.0);
  out[lowest(krum_scores(square_distances(gram), rule.byzantine), 1).front()] = 1;
  return out;
}

}  // namespace

StrategyParts krum_parts() { return weighing_parts<weigh>(); }

}  // namespace fennec
