#include "data/example_selection.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "core/error.h"

namespace fennec {
namespace {

using Positions = std::vector<std::size_t>;
using Score = std::function<double(std::size_t)>;

std::span<const float> point(const ScoredExamples& examples, std::size_t index) {
  return std::span(examples.points).subspan(index * examples.dimensions, examples.dimensions);
}

double squared_distance(std::span<const float> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double gap = static_cast<double>(a[i]) - b[i];
    sum += gap * gap;
  }
  return sum;
}

/// In the order of their keys, so that sums and ties do not depend on the order given; positions only
/// tell equal examples apart.
void sort_by_key(const ScoredExamples& examples, Positions& positions) {
  std::ranges::sort(positions, [&](std::size_t a, std::size_t b) {
    const std::uint64_t ka = examples.scores[a].key, kb = examples.scores[b].key;
    return ka != kb ? ka < kb : a < b;
  });
}

/// The first `count` of `positions` by falling score; `positions` keeps the others.
Positions take_highest(const ScoredExamples& examples, Positions& positions, std::size_t count,
                       const Score& score) {
  sort_by_key(examples, positions);
  std::ranges::stable_sort(positions,
                           [&](std::size_t a, std::size_t b) { return score(a) > score(b); });
  const auto end = positions.begin() + static_cast<std::ptrdiff_t>(std::min(count, positions.size()));
  Positions taken(positions.begin(), end);
  positions.erase(positions.begin(), end);
  return taken;
}

Positions all_positions(const ScoredExamples& examples) {
  Positions positions(examples.scores.size());
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  return positions;
}

Positions without_noise(const ExampleSelectionConfig& config, const ScoredExamples& examples) {
  Positions rest = all_positions(examples);
  const auto noisy =
      static_cast<std::size_t>(config.noise_share * static_cast<double>(rest.size()) + 1e-9);
  take_highest(examples, rest, noisy, [&](std::size_t i) { return examples.scores[i].loss; });
  std::erase_if(rest, [&](std::size_t i) { return !(examples.scores[i].ifd < 1); });
  return rest;
}

Positions choose(const ExampleSelectionConfig& config, const ScoredExamples& examples, Positions rest,
                 std::size_t count) {
  const auto& scores = examples.scores;
  const std::string& strategy = config.strategy;
  if (strategy == "k_center") return k_center(examples, std::move(rest), count);
  if (strategy == "loss")
    return take_highest(examples, rest, count, [&](std::size_t i) { return scores[i].loss; });
  if (strategy == "ifd")
    return take_highest(examples, rest, count, [&](std::size_t i) { return scores[i].ifd; });
  FENNEC_CHECK(strategy == "el2n" || strategy == "mixed", strategy);
  const std::size_t hard = strategy == "mixed" ? (count + 1) / 2 : count;
  Positions chosen = take_highest(examples, rest, hard, [&](std::size_t i) { return scores[i].el2n; });
  std::ranges::copy(k_center(examples, std::move(rest), count - hard), std::back_inserter(chosen));
  return chosen;
}

void add_missing_labels(const ScoredExamples& examples, Positions& chosen) {
  std::map<std::string, bool> has;
  for (const ExampleScore& score : examples.scores) has[score.label] = false;
  for (const std::size_t i : chosen) has[examples.scores[i].label] = true;
  for (const auto& entry : has) {
    if (entry.second) continue;
    Positions same = all_positions(examples);
    std::erase_if(same, [&](std::size_t i) { return examples.scores[i].label != entry.first; });
    const auto easiest =
        take_highest(examples, same, 1, [&](std::size_t i) { return -examples.scores[i].loss; });
    chosen.push_back(easiest.front());
  }
}

}  // namespace

std::vector<std::size_t> k_center(const ScoredExamples& examples, Positions candidates,
                                  std::size_t count) {
  sort_by_key(examples, candidates);
  std::vector<double> centre(examples.dimensions, 0.0);
  for (const std::size_t i : candidates)
    for (std::size_t d = 0; d < centre.size(); ++d)
      centre[d] += static_cast<double>(point(examples, i)[d]) / static_cast<double>(candidates.size());
  // How far each candidate is from the nearest one taken; at first, how near it is to the mean.
  std::vector<double> gap(candidates.size());
  for (std::size_t c = 0; c < gap.size(); ++c)
    gap[c] = -squared_distance(point(examples, candidates[c]), centre);
  std::vector<bool> taken(candidates.size(), false);
  Positions chosen;
  while (chosen.size() < std::min(count, candidates.size())) {
    std::size_t best = candidates.size();
    for (std::size_t c = 0; c < gap.size(); ++c)
      if (!taken[c] && (best == candidates.size() || gap[c] > gap[best])) best = c;
    taken[best] = true;
    const bool is_first = chosen.empty();
    chosen.push_back(candidates[best]);
    const auto at = point(examples, candidates[best]);
    const std::vector<double> newest(at.begin(), at.end());
    for (std::size_t c = 0; c < gap.size(); ++c) {
      const double distance = squared_distance(point(examples, candidates[c]), newest);
      gap[c] = is_first ? distance : std::min(gap[c], distance);
    }
  }
  return chosen;
}

bool selects(const ExampleSelectionConfig& config) {
  return config.strategy != "none" && config.share < 1;
}

std::vector<std::size_t> select_examples(const ExampleSelectionConfig& config,
                                         const ScoredExamples& examples) {
  FENNEC_CHECK(examples.points.size() == examples.scores.size() * examples.dimensions);
  if (!selects(config)) return all_positions(examples);
  const auto count = static_cast<std::size_t>(
      std::max(1.0, std::round(config.share * static_cast<double>(examples.scores.size()))));
  Positions chosen = choose(config, examples, without_noise(config, examples), count);
  add_missing_labels(examples, chosen);
  std::ranges::sort(chosen);
  return chosen;
}

}  // namespace fennec
