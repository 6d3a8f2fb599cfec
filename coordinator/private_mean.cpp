#include "coordinator/private_mean.h"

#include "privacy/adaptive_clip.h"
#include "privacy/clip.h"

namespace fennec {

namespace {

double noise_stddev(const DpConfig& config, double expected_cohort, double clip_norm) {
  double multiplier = config.noise_multiplier;
  if (config.adaptive_clip.enabled)
    multiplier =
        vector_noise_multiplier(multiplier, count_stddev(config.adaptive_clip, expected_cohort));
  return multiplier * clip_norm;
}

}  // namespace

double count_stddev(const AdaptiveClipConfig& config, double expected_cohort) {
  return config.count_stddev > 0 ? config.count_stddev : expected_cohort / 20;
}

PrivateMean::PrivateMean(const DpConfig& config, double expected_cohort, double clip_norm,
                         std::unique_ptr<RandomSource> noise)
    : config_(config),
      expected_cohort_(expected_cohort),
      clip_norm_(clip_norm),
      next_clip_norm_(clip_norm),
      noise_(std::move(noise)),
      grid_(noise_stddev(config, expected_cohort, clip_norm)) {
  FENNEC_CHECK(config.is_central() && expected_cohort >= 1 && clip_norm > 0);
}

void PrivateMean::begin(const ParameterSet& base, RoundId) {
  layout_ = base.layout();
  sum_.emplace(grid_, layout_->size());
  within_ = beyond_ = 0;
}

Result<void> PrivateMean::accept(Contribution contribution) {
  FENNEC_CHECK(sum_.has_value(), "begin() comes first");
  if (contribution.delta.empty() || *contribution.delta.layout() != *layout_)
    return fail(ErrorCode::kMismatch,
                "the update of '" + contribution.client.name + "' has another layout");
  const Result<ClipReport> clipped = clip_l2(contribution.delta, clip_norm_);
  if (!clipped) return tl::unexpected<Error>(clipped.error());
  (clipped->norm <= clip_norm_ ? within_ : beyond_) += 1;
  sum_->add(contribution.delta.values());
  return {};
}

Result<ParameterSet> PrivateMean::finish() {
  FENNEC_CHECK(sum_.has_value(), "begin() comes first");
  ParameterSet mean(layout_);
  std::move(*sum_).release(*noise_, expected_cohort_, mean.values());
  sum_.reset();
  const AdaptiveClipConfig& adaptive = config_.adaptive_clip;
  if (adaptive.enabled)
    next_clip_norm_ = fennec::next_clip_norm({adaptive.quantile, adaptive.learning_rate}, clip_norm_,
                                             within_, beyond_, expected_cohort_,
                                             count_stddev(adaptive, expected_cohort_), *noise_);
  return mean;
}

}  // namespace fennec
