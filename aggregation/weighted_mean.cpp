#include "aggregation/weighted_mean.h"

#include <algorithm>

#include "aggregation/contribution_checks.h"
#include "core/parameter_math.h"

namespace fennec {

namespace {
// Folded together, so that the accumulators (32 bytes read and written for each 4 of an update) pass
// through memory once for so many updates.
constexpr std::size_t kPending = 16;
}  // namespace

void WeightedMean::begin(const ParameterSet& base, RoundId) {
  layout_ = base.layout();
  sum_.reset();
  pending_.clear();
  pending_weights_.clear();
  facts_.clear();
}

Result<void> WeightedMean::accept(Contribution contribution) {
  FENNEC_CHECK(layout_ != nullptr, "begin() comes first");
  if (const Result<void> good = check_contribution(*layout_, contribution); !good) return good;
  UpdateFacts facts{contribution.client,
                    static_cast<double>(contribution.supervised_tokens),
                    static_cast<double>(contribution.steps),
                    contribution.initial_loss,
                    0,
                    contribution.staleness};
  if (wants_norm()) {
    const double norm = l2_norm(std::as_const(contribution.delta).values());
    facts.square_norm = norm * norm;
  }
  const Result<double> weighs = weight(facts);
  if (!weighs) return tl::unexpected<Error>(weighs.error());
  facts_.push_back(std::move(facts));
  pending_weights_.push_back(*weighs);
  pending_.push_back(std::move(contribution));
  if (pending_.size() == kPending) fold_pending();
  return {};
}

void WeightedMean::fold_pending() {
  if (!sum_) sum_.emplace(layout_->size());
  std::vector<ExactSum::Term> terms;
  for (std::size_t k = 0; k < pending_.size(); ++k)
    terms.push_back({pending_weights_[k], std::as_const(pending_[k].delta).values()});
  sum_->add(terms);
  pending_.clear();
  pending_weights_.clear();
}

Result<ParameterSet> WeightedMean::finish() {
  FENNEC_CHECK(!facts_.empty(), "finish() without a contribution");
  fold_pending();
  std::sort(facts_.begin(), facts_.end(),
            [](const UpdateFacts& a, const UpdateFacts& b) { return a.client < b.client; });
  const Ratio by = ratio(facts_);
  ParameterSet mean(layout_);
  sum_->write(mean.values(), by.numerator, by.denominator);
  layout_.reset();
  sum_.reset();
  facts_.clear();
  return mean;
}

}  // namespace fennec
