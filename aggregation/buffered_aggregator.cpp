#include "aggregation/buffered_aggregator.h"

#include <algorithm>
#include <utility>

#include "aggregation/contribution_checks.h"
#include "aggregation/exact_sum.h"

namespace fennec {

void BufferedAggregator::begin(const ParameterSet& base, RoundId) {
  base_ = &base;
  contributions_.clear();
}

Result<void> BufferedAggregator::accept(Contribution contribution) {
  FENNEC_CHECK(base_ != nullptr, "begin() comes first");
  if (const Result<void> good = check_contribution(*base_->layout(), contribution); !good) return good;
  contributions_.push_back(std::move(contribution));
  return {};
}

Result<ParameterSet> BufferedAggregator::finish() {
  FENNEC_CHECK(!contributions_.empty(), "finish() without a contribution");
  std::vector<Contribution> all = std::exchange(contributions_, {});
  const ParameterSet& base = *std::exchange(base_, nullptr);
  const std::int64_t fewest = fewest_updates(traits_, config_.rule.byzantine);
  if (static_cast<std::int64_t>(all.size()) < fewest)
    return fail(ErrorCode::kMalformed, std::string(traits_.name) + " needs " + std::to_string(fewest) +
                                           " updates with " + std::to_string(config_.rule.byzantine) +
                                           " hostile ones among them, " + std::to_string(all.size()) +
                                           " came");
  std::sort(all.begin(), all.end(),
            [](const Contribution& a, const Contribution& b) { return a.client < b.client; });
  return combine(base, all);
}

std::vector<double> token_weights(const std::vector<Contribution>& contributions, double cap) {
  std::vector<double> tokens;
  for (const Contribution& c : contributions)
    tokens.push_back(static_cast<double>(c.supervised_tokens));
  if (cap > 0) {
    std::vector<double> sorted = tokens;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    for (double& n : tokens) n = std::min(n, cap * *middle);
  }
  double total = 0;
  for (const double n : tokens) total += n;
  for (double& n : tokens) n /= total;
  return tokens;
}

ParameterSet weighted_sum(const std::vector<Contribution>& contributions,
                          const std::vector<double>& weights, double denominator) {
  FENNEC_CHECK(contributions.size() == weights.size());
  std::vector<ExactSum::Term> terms;
  for (std::size_t k = 0; k < weights.size(); ++k)
    if (weights[k] != 0) terms.push_back({weights[k], contributions[k].delta.values()});
  ExactSum sum(contributions[0].delta.size());
  sum.add(terms);
  ParameterSet out(contributions[0].delta.layout());
  sum.write(out.values(), 1, denominator);
  return out;
}

}  // namespace fennec
