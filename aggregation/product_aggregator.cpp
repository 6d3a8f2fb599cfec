#include "aggregation/product_aggregator.h"

#include <algorithm>

#include "aggregation/buffered_aggregator.h"

namespace fennec {
namespace {

bool all_the_same(const std::vector<Contribution>& contributions) {
  const auto first = contributions[0].delta.bytes();
  return std::all_of(contributions.begin(), contributions.end(), [&](const Contribution& c) {
    return std::equal(first.begin(), first.end(), c.delta.bytes().begin());
  });
}

/// A slot whose B and A both vanish has no gradient any more: it keeps the base's row of A, which with
/// B = 0 leaves the product as it is.
void revive(Factors& factors, const Factors& base) {
  for (Eigen::Index i = 0; i < factors.rank(); ++i)
    if (factors.a.row(i).isZero(0) && factors.b.col(i).isZero(0)) factors.a.row(i) = base.a.row(i);
}

class ProductAggregator final : public BufferedAggregator {
 public:
  ProductAggregator(const StrategyTraits& traits, const AggregationConfig& config, AdapterRule rule,
                    bool realigns)
      : BufferedAggregator(traits, config), rule_(rule), realigns_(realigns) {}

 private:
  Result<ParameterSet> combine(const ParameterSet& base,
                               const std::vector<Contribution>& contributions) const override {
    if (all_the_same(contributions)) return contributions[0].delta.clone();
    const std::vector<FactorPair> pairs = factor_pairs(*base.layout());
    const std::vector<Factors> start = factors_of(base, pairs);
    CombinedAdapter made = rule_(adapters(start, contributions, pairs), {config().rule});
    ParameterSet delta(base.layout());
    for (std::size_t m = 0; m < pairs.size(); ++m) {
      Factors& factors = made.modules[m];
      if (realigns_) factors = align(factors, start[m]);
      revive(factors, start[m]);
      store_matrix(factors.a - start[m].a, delta, pairs[m].a);
      store_matrix(factors.b - start[m].b, delta, pairs[m].b);
    }
    return delta;
  }

  static AdapterSet adapters(const std::vector<Factors>& start,
                             const std::vector<Contribution>& contributions,
                             const std::vector<FactorPair>& pairs) {
    const std::vector<double> p = token_weights(contributions);
    AdapterSet set = empty_set(pairs);
    for (std::size_t k = 0; k < p.size(); ++k)
      set.clients.push_back(
          {contributions[k].client.name, p[k], trained_factors(start, contributions[k].delta, pairs)});
    return set;
  }

  AdapterRule rule_;
  bool realigns_;
};

}  // namespace

std::unique_ptr<Aggregator> make_product_aggregator(const StrategyTraits& traits,
                                                    const AggregationConfig& config, AdapterRule rule,
                                                    bool realigns) {
  return std::make_unique<ProductAggregator>(traits, config, rule, realigns);
}

}  // namespace fennec
