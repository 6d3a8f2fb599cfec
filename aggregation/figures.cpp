#include "aggregation/figures.h"

#include <algorithm>
#include <cmath>

#include "aggregation/adapter_rule.h"

namespace fennec {
namespace {

/// ‖x − y‖², by singular values: as a difference of inner products a small one would cancel.
double square_distance(const Factors& x, const Factors& y) {
  const Factors parts[] = {x, y};
  const double signs[] = {1, -1};
  return factored_svd(stack(parts, signs)).s.squaredNorm();
}

/// ‖b·a‖², by whichever is less work: the product, or the factors' Gram matrices.
double square_norm(const Factors& x) {
  const Eigen::Index out = x.b.rows(), in = x.a.cols();
  if (x.rank() * (out + in) > out * in) return (x.b * x.a).squaredNorm();
  return std::max(0.0, inner_product(x, x));
}

}  // namespace

CombinedFigures figures_of(const AdapterSet& set, const std::vector<Factors>& combined) {
  const std::vector<double> p = set.weights();
  double exact = 0, result = 0, difference = 0;
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    const Factors mean = stack(set.of_module(m), p);
    exact += inner_product(mean, mean);
    result += inner_product(combined[m], combined[m]);
    difference += square_distance(combined[m], mean);
  }
  return {std::sqrt(std::max(0.0, result)), exact > 0 ? std::sqrt(difference / exact) : 0};
}

double cross_term(const AdapterSet& set) {
  const std::vector<Factors> mean = mean_factors(set);
  double covariance = 0, whole = 0;
  for (std::size_t m = 0; m < set.modules.size(); ++m) {
    std::vector<Factors> parts;
    for (const ClientAdapter& client : set.clients)
      parts.push_back({client.modules[m].b - mean[m].b, client.modules[m].a - mean[m].a});
    const Factors centred = stack(parts, set.weights());
    covariance += square_norm(centred);
    const Factors both[] = {centred, mean[m]};
    const double ones[] = {1, 1};
    whole += square_norm(stack(both, ones));
  }
  return whole > 0 ? std::sqrt(covariance / whole) : 0;
}

}  // namespace fennec
