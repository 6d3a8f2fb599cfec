#include <Eigen/Cholesky>

#include "aggregation/product_aggregator.h"

namespace fennec {
namespace {

/// ΔB = argmin ‖Σ pₖBₖAₖ − (B̄ + ΔB)Ā‖² + λ̃‖ΔB‖², λ̃ = λ·tr(ĀĀᵀ)/r: in closed form
/// ΔB = (Σ pₖBₖ(AₖĀᵀ) − B̄ĀĀᵀ)(ĀĀᵀ + λ̃I)⁻¹.
Matrix correction(const std::vector<Factors>& clients, const std::vector<double>& p,
                  const Factors& mean, double ridge) {
  const Matrix inner = mean.a * mean.a.transpose();  // [r, r]
  Matrix target = -mean.b * inner;
  for (std::size_t k = 0; k < clients.size(); ++k)
    target += p[k] * clients[k].b * (clients[k].a * mean.a.transpose());
  const double lambda = ridge * inner.trace() / static_cast<double>(mean.rank());
  if (!(lambda > 0)) return Matrix::Zero(mean.b.rows(), mean.b.cols());  // Ā = 0: nothing to fit with
  const Matrix regular = inner + lambda * Matrix::Identity(mean.rank(), mean.rank());
  return regular.ldlt().solve(target.transpose()).transpose();
}

/// LoRA-FAIR (Bian et al., arXiv 2411.14961) with the Frobenius norm in place of the cosine, which
/// makes it a ridge regression: the mean of A, and the B that comes closest to the exact product with
/// it.
CombinedAdapter combine(const AdapterSet& set, const RuleRequest& request) {
  require_equal_ranks(set, "lorafair");
  CombinedAdapter out{mean_factors(set), {}, {}};
  for (std::size_t m = 0; m < set.modules.size(); ++m)
    out.modules[m].b += correction(set.of_module(m), set.weights(), out.modules[m], request.rule.ridge);
  return out;
}

}  // namespace

StrategyParts lorafair_parts() {
  return {[](const StrategyTraits& traits, const AggregationConfig& config) {
            return make_product_aggregator(traits, config, combine, /*realigns=*/false);
          },
          combine};
}

}  // namespace fennec
