#pragma once
#include <memory>
#include <optional>

#include "aggregation/aggregator.h"
#include "privacy/dp_config.h"
#include "privacy/grid_sum.h"
#include "privacy/random_source.h"

namespace fennec {

/// σ_b, the noise on the adaptive clip's count: as configured, or a twentieth of the expected cohort.
double count_stddev(const AdaptiveClipConfig& config, double expected_cohort);

/// The fold of a round under central differential privacy (DP-FedAvg, McMahan et al. 2018): deltas
/// clipped to one norm, equal weights, discrete Gaussian noise on the sum, a divisor that does not
/// depend on who came. Sensitivity of the sum: the clip norm, for one device added or removed.
class PrivateMean final : public Aggregator {
 public:
  /// @param expected_cohort  m, the fixed divisor  @param clip_norm  this round's
  PrivateMean(const DpConfig& config, double expected_cohort, double clip_norm,
              std::unique_ptr<RandomSource> noise);

  void begin(const ParameterSet& base, RoundId round) override;
  Result<void> accept(Contribution contribution) override;
  /// Also with no contribution at all: that nobody came must not show.
  Result<ParameterSet> finish() override;
  bool releases_nothing_received() const override { return true; }

  /// For the next round; settled by finish().
  double next_clip_norm() const { return next_clip_norm_; }

 private:
  DpConfig config_;
  double expected_cohort_, clip_norm_, next_clip_norm_;
  std::unique_ptr<RandomSource> noise_;
  NoiseGrid grid_;
  LayoutPtr layout_;
  std::optional<GridSum> sum_;
  std::int64_t within_ = 0, beyond_ = 0;  ///< updates by norm, against clip_norm_
};

}  // namespace fennec
