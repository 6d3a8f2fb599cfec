#include "coordinator/privacy_account.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"

namespace fennec {

std::string sum_label(std::int64_t opening) { return fmt::format("sum {}", opening); }

PrivacyAccount::PrivacyAccount(const DpConfig& config, int cohort_size,
                               std::vector<PrivacyRelease> past)
    : config_(config), cohort_(cohort_size), past_(std::move(past)) {
  FENNEC_CHECK(config.is_on());
}

double PrivacyAccount::epsilon_after(std::int64_t more_releases) const {
  std::vector<Releases> all;
  const auto count = [&all](Releases one) {
    if (!all.empty() && all.back().sampling_rate == one.sampling_rate &&
        all.back().noise_multiplier == one.noise_multiplier)
      all.back().count += one.count;
    else if (one.count > 0)
      all.push_back(one);
  };
  for (const PrivacyRelease& each : past_) count({each.sampling_rate, each.noise_multiplier, 1});
  count({sampling_rate(), config_.noise_multiplier, more_releases});
  if (all.empty()) return 0;
  return epsilon_bound(accounting_of(config_.accountant), all, config_.delta).epsilon;
}

std::int64_t PrivacyAccount::affordable(std::int64_t wanted) const {
  if (config_.epsilon == 0 || wanted <= 0) return std::max<std::int64_t>(wanted, 0);
  if (epsilon_after(wanted) <= config_.epsilon) return wanted;
  std::int64_t low = 0, high = wanted;  // high is too many; ε grows with the count
  if (epsilon_after(1) > config_.epsilon) return 0;
  low = 1;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (epsilon_after(middle) <= config_.epsilon ? low : high) = middle;
  }
  return low;
}

std::optional<std::int64_t> PrivacyAccount::sums_left() const {
  constexpr std::int64_t kMostSums = 1 << 20;
  if (!config_.is_distributed() || config_.epsilon == 0) return std::nullopt;
  return affordable(kMostSums);
}

double PrivacyAccount::paid_for(RoundId round) const {
  FENNEC_CHECK(!past_.empty() && past_.back().round == round, "a release that is not in the ledger");
  return past_.back().epsilon;
}

double PrivacyAccount::clip_norm(RoundId round) const {
  double norm = config_.clip_norm;
  // Of two lines for one round the later one was committed: the earlier one's release never came.
  for (const PrivacyRelease& each : past_)
    if (each.round.value == round.value - 1) norm = each.next_clip_norm;
  return norm;
}

std::int64_t PrivacyAccount::last_affordable_round(RoundId committed, std::int64_t total) const {
  // What a round has paid is good for its commit; a sum that was not committed is tried anew.
  const bool paid = !config_.is_distributed() &&
                    std::any_of(past_.begin(), past_.end(), [&](const PrivacyRelease& each) {
                      return each.round.value == committed.value + 1;
                    });
  const std::int64_t first = committed.value + (paid ? 1 : 0);
  return std::min(total, first + affordable(total - first));
}

std::string PrivacyAccount::why_shorter(std::int64_t last, std::int64_t total) const {
  if (last >= total) return "";
  return fmt::format(
      "the privacy budget ends the run after round {} of {}: one more would bring epsilon above {:g}",
      last, total, config_.epsilon);
}

PrivacyRelease PrivacyAccount::spend(RoundId round, const std::string& contributors,
                                     double next_clip_norm) {
  for (const PrivacyRelease& each : past_)
    if (each.round == round && each.contributors == contributors) return each;
  PrivacyRelease line{
      round,          contributors,    sampling_rate(), config_.noise_multiplier, clip_norm(round),
      next_clip_norm, epsilon_after(1)};
  if (config_.epsilon > 0 && line.epsilon > config_.epsilon)
    throw BudgetSpent(
        fmt::format("the privacy budget allows no further round: round {} would bring epsilon to "
                    "{:.4f}, above {:g}",
                    round.value, line.epsilon, config_.epsilon));
  past_.push_back(line);
  return line;
}

PrivacyStatement PrivacyAccount::statement() const {
  return statement_of(config_.mechanism, "user", config_.is_poisson());
}

double poisson_rate(const Experiment& experiment) {
  const DpConfig& dp = experiment.privacy.dp;
  return dp.is_poisson() ? static_cast<double>(experiment.rounds.cohort_size) / dp.population : 1;
}

std::optional<PrivacyAccount> privacy_account(const Experiment& experiment,
                                              std::vector<PrivacyRelease> past) {
  if (!experiment.privacy.dp.is_on()) return std::nullopt;
  return PrivacyAccount(experiment.privacy.dp, experiment.rounds.cohort_size, std::move(past));
}

std::optional<PrivacySummary> privacy_summary(const Experiment& experiment,
                                              const std::vector<PrivacyRelease>& releases,
                                              bool simulated) {
  const std::optional<PrivacyAccount> account = privacy_account(experiment, releases);
  if (!account) return std::nullopt;
  const DpConfig& dp = account->config();
  return PrivacySummary{account->epsilon(),
                        dp.delta,
                        dp.epsilon,
                        dp.accountant,
                        static_cast<std::int64_t>(releases.size()),
                        account->statement(),
                        simulated};
}

void write_privacy_metrics(MetricsWriter& metrics, const RoundRecord& record,
                           const std::optional<PrivacySummary>& means) {
  if (!means) return;
  metrics.write({{"kind", std::string("privacy")},
                 {"round", record.round.value},
                 {"epsilon", record.epsilon},
                 {"delta", means->delta},
                 {"accountant", means->accountant},
                 {"unit", means->means.unit},
                 {"neighbouring", means->means.neighbouring},
                 {"sampling", means->means.sampling},
                 {"adversary", means->means.adversary},
                 {"simulated", std::int64_t{means->simulated}}});
}

std::string to_string(const PrivacySummary& s) {
  std::string out = fmt::format("epsilon {:.4f}", s.epsilon);
  if (s.budget > 0) out += fmt::format(" of {:g}", s.budget);
  out += fmt::format(" at delta {:g} after {} releases ({})", s.delta, s.releases, s.accountant);
  out += fmt::format("; unit: {}; neighbours: {}; sampling: {}; against: {}", s.means.unit,
                     s.means.neighbouring, s.means.sampling, s.means.adversary);
  if (s.simulated) out += "; SIMULATED: the noise follows from the seed and protects nobody";
  return out;
}

}  // namespace fennec
