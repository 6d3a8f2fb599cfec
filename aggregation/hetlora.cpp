#include <algorithm>
#include <cmath>

#include "aggregation/registry.h"

namespace fennec {
namespace {

/// HetLoRA (Cho et al., arXiv 2401.06432): adapters of unequal ranks, padded with zeros to the largest,
/// A and B averaged each on its own with weights ‖BₖAₖ‖_F / Σ over the whole adapter.
CombinedAdapter combine(const AdapterSet& set, const RuleRequest& request) {
  std::vector<double> weights;
  double total = 0;
  for (const ClientAdapter& client : set.clients) {
    double square = 0;
    for (const Factors& module : client.modules) square += inner_product(module, module);
    weights.push_back(std::sqrt(std::max(0.0, square)));
    total += weights.back();
  }
  for (double& w : weights) w = total > 0 ? w / total : 1 / static_cast<double>(weights.size());
  CombinedAdapter out;
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    const std::vector<Factors> clients = set.of_module(m);
    const Eigen::Index rank = request.rank > 0 ? request.rank : largest_rank(clients);
    Factors mean{Matrix::Zero(clients[0].b.rows(), rank), Matrix::Zero(rank, clients[0].a.cols())};
    for (std::size_t k = 0; k < clients.size(); ++k) {
      const Eigen::Index own = std::min(rank, clients[k].rank());
      mean.b.leftCols(own) += weights[k] * clients[k].b.leftCols(own);
      mean.a.topRows(own) += weights[k] * clients[k].a.topRows(own);
    }
    out.modules.push_back(std::move(mean));
  }
  out.notes.emplace_back("clients weigh by the norm of their update, not by --weights");
  return out;
}

}  // namespace

StrategyParts hetlora_parts() { return {nullptr, combine}; }

}  // namespace fennec
