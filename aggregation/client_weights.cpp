#include "aggregation/client_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "aggregation/buffered_aggregator.h"
#include "aggregation/gram.h"

namespace fennec {
namespace {

constexpr double kTokenCap = 3;  // × the median: what a client says of its own weight counts no further

Matrix gram_of(const ParameterSet& base, const std::vector<Contribution>& contributions) {
  if (!has_factor_pairs(*base.layout())) {
    std::vector<std::span<const float>> flat;
    for (const Contribution& c : contributions) flat.push_back(c.delta.values());
    return flat_gram(flat);
  }
  const std::vector<FactorPair> pairs = factor_pairs(*base.layout());
  const std::vector<Factors> start = factors_of(base, pairs);
  AdapterSet set = empty_set(pairs);
  for (const Contribution& c : contributions)
    set.clients.push_back({c.client.name, 1, trained_factors(start, c.delta, pairs)});
  set.clients.push_back({"base", 1, start});
  return product_gram_from_base(set);
}

class WeighingAggregator final : public BufferedAggregator {
 public:
  WeighingAggregator(const StrategyTraits& traits, const AggregationConfig& config, WeightRule rule)
      : BufferedAggregator(traits, config), rule_(rule) {}

 private:
  Result<ParameterSet> combine(const ParameterSet& base,
                               const std::vector<Contribution>& contributions) const override {
    const std::vector<double> p = token_weights(contributions, kTokenCap);
    return weighted_sum(contributions, rule_(gram_of(base, contributions), p, config().rule), 1);
  }
  WeightRule rule_;
};

}  // namespace

std::unique_ptr<Aggregator> make_weighing_aggregator(const StrategyTraits& traits,
                                                     const AggregationConfig& config, WeightRule rule) {
  return std::make_unique<WeighingAggregator>(traits, config, rule);
}

CombinedAdapter weigh_adapters(const AdapterSet& set, const RuleRequest& request, WeightRule rule) {
  return redistribute_all(set, rule(product_gram(set), set.weights(), request.rule), request);
}

std::vector<double> krum_scores(const Matrix& distances, int byzantine) {
  const Eigen::Index n = distances.rows();
  const auto nearest = static_cast<std::size_t>(std::max<Eigen::Index>(1, n - byzantine - 2));
  std::vector<double> scores;
  for (Eigen::Index i = 0; i < n; ++i) {
    std::vector<double> to_others;
    for (Eigen::Index j = 0; j < n; ++j)
      if (j != i) to_others.push_back(distances(i, j));
    std::sort(to_others.begin(), to_others.end());
    const std::size_t counted = std::min(nearest, to_others.size());
    scores.push_back(std::accumulate(to_others.begin(),
                                     to_others.begin() + static_cast<std::ptrdiff_t>(counted), 0.0));
  }
  return scores;
}

std::vector<std::size_t> lowest(const std::vector<double>& scores, std::size_t count) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  order.resize(std::min(count, order.size()));
  return order;
}

std::vector<double> best_half(const Matrix& gram) {
  const auto n = static_cast<std::size_t>(gram.rows());
  const int byzantine = std::max(0, (static_cast<int>(n) - 3) / 2);
  std::vector<double> out(n, 0.0);
  const std::vector<std::size_t> chosen =
      lowest(krum_scores(square_distances(gram), byzantine), (n + 1) / 2);
  for (const std::size_t k : chosen) out[k] = 1 / static_cast<double>(chosen.size());
  return out;
}

Vector distances_to(const Matrix& gram, const Vector& b) {
  const Vector products = gram * b;
  const double square = b.dot(products);
  return ((gram.diagonal() - 2 * products).array() + square).cwiseMax(0).sqrt();
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 != 0 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

Clipping clip_to_median(const Matrix& gram, double radius) {
  std::vector<double> norms;
  for (Eigen::Index i = 0; i < gram.rows(); ++i) norms.push_back(std::sqrt(std::max(0.0, gram(i, i))));
  Clipping out{radius > 0 ? radius : median_of(norms), {}};
  for (const double norm : norms) out.factors.push_back(norm > out.radius ? out.radius / norm : 1.0);
  return out;
}

}  // namespace fennec
