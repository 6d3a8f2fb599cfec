#include "aggregation/coordinate_rule.h"

#include <algorithm>

#include "aggregation/buffered_aggregator.h"
#include "aggregation/column_sort.h"

namespace fennec {
namespace {

using Flat = std::vector<std::span<const float>>;

Flat chosen(const Flat& vectors, const std::vector<std::size_t>& positions) {
  Flat out;
  for (const std::size_t k : positions) out.push_back(vectors[k]);
  return out;
}

class CoordinateAggregator final : public BufferedAggregator {
 public:
  CoordinateAggregator(const StrategyTraits& traits, const AggregationConfig& config,
                       CoordinateRule coordinate, SelectionRule selection)
      : BufferedAggregator(traits, config), coordinate_(coordinate), selection_(selection) {}

 private:
  Result<ParameterSet> combine(const ParameterSet& base,
                               const std::vector<Contribution>& contributions) const override {
    Flat flat;
    for (const Contribution& c : contributions) flat.push_back(c.delta.values());
    if (selection_ != nullptr) flat = chosen(flat, selection_(flat, config().rule));
    ParameterSet out(base.layout());
    apply_rule(flat, config().rule, coordinate_, out.values());
    return out;
  }
  CoordinateRule coordinate_;
  SelectionRule selection_;
};

/// All factors of a client one after the other, as floats.
std::vector<float> flattened(const ClientAdapter& client) {
  std::vector<float> out;
  for (const Factors& module : client.modules)
    for (const Matrix* matrix : {&module.a, &module.b})
      for (Eigen::Index i = 0; i < matrix->size(); ++i)
        out.push_back(static_cast<float>(matrix->data()[i]));
  return out;
}

std::vector<Factors> unflattened(const std::vector<float>& flat, const ClientAdapter& shape) {
  std::vector<Factors> out = shape.modules;
  std::size_t at = 0;
  for (Factors& module : out)
    for (Matrix* matrix : {&module.a, &module.b})
      for (Eigen::Index i = 0; i < matrix->size(); ++i)
        matrix->data()[i] = static_cast<double>(flat[at++]);
  return out;
}

}  // namespace

void apply_rule(std::span<const std::span<const float>> vectors, const RuleConfig& rule,
                CoordinateRule coordinate, std::span<float> out) {
  constexpr std::size_t kWidth = ColumnSort::kWidth;
  const ColumnSort network(vectors.size());
  std::vector<float> tile(vectors.size() * kWidth, 0.0F);
  for (std::size_t first = 0; first < out.size(); first += kWidth) {
    const std::size_t n = std::min(kWidth, out.size() - first);
    for (std::size_t k = 0; k < vectors.size(); ++k)
      std::copy_n(vectors[k].data() + first, n, tile.data() + k * kWidth);
    network.sort(tile.data());
    for (std::size_t i = 0; i < n; ++i)
      out[first + i] = static_cast<float>(coordinate(tile.data() + i, kWidth, vectors.size(), rule));
  }
}

std::unique_ptr<Aggregator> make_coordinate_aggregator(const StrategyTraits& traits,
                                                       const AggregationConfig& config,
                                                       CoordinateRule coordinate,
                                                       SelectionRule selection) {
  return std::make_unique<CoordinateAggregator>(traits, config, coordinate, selection);
}

CombinedAdapter combine_coordinates(const AdapterSet& set, const RuleRequest& request,
                                    const char* strategy, CoordinateRule coordinate,
                                    SelectionRule selection) {
  require_equal_ranks(set, strategy);
  std::vector<std::vector<float>> kept;
  for (const ClientAdapter& client : set.clients) kept.push_back(flattened(client));
  Flat flat(kept.begin(), kept.end());
  if (selection != nullptr) flat = chosen(flat, selection(flat, request.rule));
  std::vector<float> combined(kept[0].size());
  apply_rule(flat, request.rule, coordinate, combined);
  CombinedAdapter out{unflattened(combined, set.clients[0]), {}, {}};
  if (differing_factor(set, Half::kA) && differing_factor(set, Half::kB))
    out.notes.emplace_back(
        "A and B both differ: the rule looks at each by itself, so the result depends on how a client "
        "splits its update between them");
  return out;
}

}  // namespace fennec
