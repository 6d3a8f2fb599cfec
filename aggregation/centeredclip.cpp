#include "aggregation/client_weights.h"

namespace fennec {
namespace {

constexpr int kIterations = 5;

/// Centred clipping (Karimireddy et al., arXiv 2012.10333): v ← v + mean of (xₖ − v)·min(1, τ/‖xₖ −
/// v‖), in Gram space. v starts at the mean of the half that Krum prefers; τ is aggregation.rule.radius
/// or the median distance to that start.
std::vector<double> weigh(const Matrix& gram, const std::vector<double>&, const RuleConfig& rule) {
  const std::vector<double> start = best_half(gram);
  Vector b = Eigen::Map<const Vector>(start.data(), gram.rows());
  const Vector first = distances_to(gram, b);
  const double radius = rule.radius > 0 ? rule.radius : median_of({first.begin(), first.end()});
  for (int step = 0; step < kIterations; ++step) {
    const Vector distance = distances_to(gram, b);
    const Vector share = distance.unaryExpr([&](double d) { return d > radius ? radius / d : 1.0; }) /
                         static_cast<double>(gram.rows());
    b = (1 - share.sum()) * b + share;
  }
  return {b.begin(), b.end()};
}

}  // namespace

StrategyParts centeredclip_parts() { return weighing_parts<weigh>(); }

}  // namespace fennec
