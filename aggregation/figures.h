#pragma once
#include <vector>

#include "aggregation/adapter_set.h"

namespace fennec {

/// What an adapter is, beside the exact mean Σ pₖBₖAₖ of those it was made from.
struct CombinedFigures {
  double update_norm = 0;  ///< ‖ΔW‖_F
  double error = 0;  ///< ‖ΔW − Σ pₖBₖAₖ‖ / ‖Σ pₖBₖAₖ‖; 0 when there is nothing to miss
};
CombinedFigures figures_of(const AdapterSet& set, const std::vector<Factors>& combined);

/// ‖Σ pₖBₖAₖ − B̄Ā‖ / ‖Σ pₖBₖAₖ‖: what averaging the factors each on its own misses, as the norm
/// of the clients' covariance Σ pₖ(Bₖ − B̄)(Aₖ − Ā). Ranks must be equal. 0 of nothing.
double cross_term(const AdapterSet& set);

}  // namespace fennec
