#include <algorithm>
#include <cmath>
#include <numeric>

#include "aggregation/client_weights.h"
#include "aggregation/coordinate_rule.h"
#include "aggregation/gram.h"

namespace fennec {
namespace {

/// Krum again and again, each winner taken out of the pool, until n − 2f are chosen.
std::vector<std::size_t> select(std::span<const std::span<const float>> vectors,
                                const RuleConfig& rule) {
  const Matrix distances = square_distances(flat_gram(vectors));
  const auto wanted = vectors.size() - 2 * static_cast<std::size_t>(rule.byzantine);
  std::vector<Eigen::Index> pool(vectors.size());
  std::iota(pool.begin(), pool.end(), Eigen::Index{0});
  std::vector<std::size_t> out;
  while (out.size() < wanted) {
    const Matrix among = distances(pool, pool);
    const std::size_t winner = lowest(krum_scores(among, rule.byzantine), 1).front();
    out.push_back(static_cast<std::size_t>(pool[winner]));
    pool.erase(pool.begin() + static_cast<std::ptrdiff_t>(winner));
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Of the θ chosen values of a coordinate, the mean of the θ − 2f nearest to their median.
double nearest_to_median(const float* sorted, std::size_t stride, std::size_t count,
                         const RuleConfig& rule) {
  const auto at = [&](std::size_t k) { return static_cast<double>(sorted[k * stride]); };
  const double median = count % 2 != 0 ? at(count / 2) : (at(count / 2 - 1) + at(count / 2)) / 2;
  const std::size_t kept = count - 2 * static_cast<std::size_t>(rule.byzantine);
  std::size_t best = 0;
  for (std::size_t first = 1; first + kept <= count; ++first) {  // a window, as the values are sorted
    const auto reach = [&](std::size_t from) {
      return std::max(std::abs(at(from) - median), std::abs(at(from + kept - 1) - median));
    };
    if (reach(first) < reach(best)) best = first;
  }
  double sum = at(best);
  for (std::size_t k = 1; k < kept; ++k) sum += at(best + k);
  return sum / static_cast<double>(kept);
}

}  // namespace

/// Bulyan (El Mhamdi et al., arXiv 1802.07927); needs n ≥ 4f + 3.
StrategyParts bulyan_parts() {
  return {[](const StrategyTraits& traits, const AggregationConfig& config) {
            return make_coordinate_aggregator(traits, config, nearest_to_median, select);
          },
          [](const AdapterSet& set, const RuleRequest& request) {
            return combine_coordinates(set, request, "bulyan", nearest_to_median, select);
          }};
}

}  // namespace fennec
