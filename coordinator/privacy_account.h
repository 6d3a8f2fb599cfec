#pragma once
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "configs/experiment.h"
#include "coordinator/round_record.h"
#include "core/ids.h"
#include "core/metrics.h"
#include "privacy/accountant.h"

namespace fennec {

/// A line of the privacy ledger: one noised release, on disk before anything of it can be seen. A crash
/// may leave a line whose release nobody saw; never a release without its line.
struct PrivacyRelease {
  RoundId round;
  /// Digest of whose updates went in; another set is another release. Of a secure sum, sum_label().
  std::string contributors;
  double sampling_rate = 1;
  double noise_multiplier = 0;
  double clip_norm = 0;
  double next_clip_norm = 0;  ///< for the round after
  double epsilon = 0;         ///< of everything up to and with this line
};

/// Names the sum that a round tries in its `opening`: each is a release by itself, for what a session
/// that failed had shown by then nobody knows.
std::string sum_label(std::int64_t opening);

/// The privacy budget allows no further round. Exit code 3.
class BudgetSpent : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a run has spent of its privacy, and what more it may. Pure arithmetic over the ledger's lines;
/// the live coordinator and the simulator keep one alike.
class PrivacyAccount {
 public:
  /// @param past  in the order they were written
  PrivacyAccount(const DpConfig& config, int cohort_size, std::vector<PrivacyRelease> past);

  const DpConfig& config() const { return config_; }
  double expected_cohort() const { return cohort_; }
  double epsilon() const { return epsilon_after(0); }  ///< of everything so far
  double epsilon_after(std::int64_t more_releases) const;
  /// How many of `wanted` further releases the budget allows; all of them without a budget.
  std::int64_t affordable(std::int64_t wanted) const;
  /// Secure sums that may still be begun; nothing when they are not limited.
  std::optional<std::int64_t> sums_left() const;
  /// ε of everything, when the last release is of this round (checked: nothing is committed unpaid).
  double paid_for(RoundId round) const;
  /// The last of `total` rounds that the budget allows, `committed` being done.
  std::int64_t last_affordable_round(RoundId committed, std::int64_t total) const;
  /// What to tell when it comes before `total`; else "".
  std::string why_shorter(std::int64_t last, std::int64_t total) const;
  double clip_norm(RoundId round) const;  ///< of that round: the last one's next_clip_norm

  /// Counts a round's release and gives the line that must be on disk before it; nothing is counted
  /// twice for the same contributors. Throws BudgetSpent, and counts nothing, when it would exceed the
  /// budget.
  PrivacyRelease spend(RoundId round, const std::string& contributors, double next_clip_norm);
  const std::vector<PrivacyRelease>& releases() const { return past_; }
  PrivacyStatement statement() const;

 private:
  double sampling_rate() const { return config_.is_poisson() ? cohort_ / config_.population : 1; }

  DpConfig config_;
  double cohort_;
  std::vector<PrivacyRelease> past_;
};

/// q of Poisson sampling; 1 without.
double poisson_rate(const Experiment& experiment);

/// None when privacy.dp.mechanism is off.
std::optional<PrivacyAccount> privacy_account(const Experiment& experiment,
                                              std::vector<PrivacyRelease> past);

/// What status, metrics and report say; none when privacy.dp.mechanism is off.
struct PrivacySummary {
  double epsilon = 0, delta = 0, budget = 0;  ///< budget 0 = none
  std::string accountant;
  std::int64_t releases = 0;
  PrivacyStatement means;
  bool simulated = false;  ///< noise from the experiment's seed: protects nobody
};
std::optional<PrivacySummary> privacy_summary(const Experiment& experiment,
                                              const std::vector<PrivacyRelease>& releases,
                                              bool simulated);
/// The line {"kind": "privacy", …} of metrics.jsonl for a round; nothing without `means`.
void write_privacy_metrics(MetricsWriter& metrics, const RoundRecord& record,
                           const std::optional<PrivacySummary>& means);
/// "epsilon 1.23 of 2 at delta 1e-06 after 5 releases (rdp): all data of one device, …", one line.
std::string to_string(const PrivacySummary& summary);

}  // namespace fennec
