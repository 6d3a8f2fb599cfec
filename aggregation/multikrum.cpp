#include "aggregation/client_weights.h"
#include "aggregation/gram.h"

namespace fennec {
namespace {

/// Multi-Krum (Blanchard et al., NeurIPS 2017): the plain mean of the m = n − f − 2 clients of lowest
/// Krum score.
std::vector<double> weigh(const Matrix& gram, const std::vector<double>& p, const RuleConfig& rule) {
  const std::size_t kept = p.size() - static_cast<std::size_t>(rule.byzantine) - 2;
  std::vector<double> out(p.size(), 0.0);
  for (const std::size_t k : lowest(krum_scores(square_distances(gram), rule.byzantine), kept))
    out[k] = 1 / static_cast<double>(kept);
  return out;
}

}  // namespace

StrategyParts multikrum_parts() { return weighing_parts<weigh>(); }

}  // namespace fennec
