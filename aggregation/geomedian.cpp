#include <cmath>

#include "aggregation/client_weights.h"

namespace fennec {
namespace {

constexpr int kMostIterations = 300;
constexpr double kSettled = 1e-9;    // L1 change of the weights
constexpr double kSmoothing = 1e-6;  // × the clipping radius: the distance that counts as none

/// The geometric median by smoothed Weiszfeld steps (RFA: Pillutla et al., arXiv 1912.13445), on
/// updates clipped to the median norm, in Gram space: z = Σ bₖxₖ, b ∝ pₖ/max(‖z − xₖ‖, ν). It starts
/// from the half of the clients that Krum prefers: from the mean, distant attackers hold it for
/// thousands of steps.
std::vector<double> weigh(const Matrix& gram, const std::vector<double>& p, const RuleConfig& rule) {
  const Clipping clip = clip_to_median(gram, rule.radius);
  const auto factors = Eigen::Map<const Vector>(clip.factors.data(), gram.rows());
  const Matrix clipped = factors.asDiagonal() * gram * factors.asDiagonal();
  const std::vector<double> start = best_half(clipped);
  Vector b = Eigen::Map<const Vector>(start.data(), gram.rows());
  const auto own = Eigen::Map<const Vector>(p.data(), gram.rows());
  const double nu = std::max(kSmoothing * clip.radius, 1e-300);
  for (int step = 0; step < kMostIterations; ++step) {
    Vector next = own.array() / distances_to(clipped, b).array().max(nu);
    next /= next.sum();
    const double moved = (next - b).lpNorm<1>();
    b = std::move(next);
    if (moved < kSettled) break;
  }
  b.array() *= factors.array();
  return {b.begin(), b.end()};
}

}  // namespace

StrategyParts geomedian_parts() { return weighing_parts<weigh>(); }

}  // namespace fennec
