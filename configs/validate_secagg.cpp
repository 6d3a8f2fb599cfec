#include "configs/validate_secagg.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "aggregation/strategy_config.h"

namespace fennec {
namespace {

using Problems = std::vector<std::string>;

void require(Problems& problems, bool holds, std::string message) {
  if (!holds) problems.push_back(std::move(message));
}

bool one_of(std::string_view value, std::initializer_list<std::string_view> known) {
  return std::find(known.begin(), known.end(), value) != known.end();
}

void check_ranges(Problems& p, const SecAggConfig& s) {
  require(p, one_of(s.suite, {"aes-256-ctr", "chacha20"}),
          fmt::format("privacy.secagg.suite must be aes-256-ctr or chacha20, is '{}'", s.suite));
  require(
      p, s.corrupt >= 0 && s.dropouts >= 0 && s.corrupt + s.dropouts < 1,
      fmt::format("privacy.secagg.corrupt and dropouts must be at least 0 and less than 1 together, "
                  "are {} and {}",
                  s.corrupt, s.dropouts));
  require(
      p, s.survivors == 0 || s.survivors >= static_cast<int>(kFewestSurvivors),
      fmt::format("privacy.secagg.survivors must be 0 or at least {}, is {}: of a sum of fewer each "
                  "device learns the others",
                  kFewestSurvivors, s.survivors));
  require(p, s.clip >= 0 && s.clip <= 1e6,
          fmt::format("privacy.secagg.clip must be between 0 and 1e6, is {}", s.clip));
  require(p, s.value_bits == 0 || (s.value_bits >= 2 && s.value_bits <= 28),
          fmt::format("privacy.secagg.value_bits must be 0 or between 2 and 28, is {}", s.value_bits));
  require(p, s.max_weight >= 0 && s.max_weight <= 1e12,
          fmt::format("privacy.secagg.max_weight must be between 0 and 1e12, is {}", s.max_weight));
  require(p, s.phase_deadline_s > 0 && s.phase_deadline_s <= 1e6,
          fmt::format("privacy.secagg.phase_deadline_s must be above 0 and at most 1e6, is {}",
                      s.phase_deadline_s));
}

void check_strategy(Problems& p, const AggregationConfig& a) {
  const StrategyTraits* strategy = find_strategy(a.strategy);
  if (strategy == nullptr) return;  // refused elsewhere
  constexpr std::string_view kInstead = "use fedavg, ffa or rolora";
  if (strategy->individual_updates)
    p.push_back(
        fmt::format("aggregation.strategy '{}' needs every single update, and under "
                    "privacy.secagg the coordinator has none; {}",
                    a.strategy, kInstead));
  else if (strategy->combining != Combining::kMean)
    p.push_back(
        fmt::format("aggregation.strategy '{}' weighs by what devices tell of themselves, which "
                    "under privacy.secagg they do not; {}",
                    a.strategy, kInstead));
}

/// Robust rules see sums only: those of the groups.
void check_groups(Problems& p, const Experiment& e) {
  const SecAggConfig& s = e.privacy.secagg;
  const AggregationConfig& a = e.aggregation;
  require(p, s.groups == 1 || (s.groups >= 3 && s.groups <= 1000),
          fmt::format("privacy.secagg.groups must be 1 or between 3 and 1000, is {}", s.groups));
  if (s.groups <= 1) {
    require(
        p, a.robust.empty(),
        fmt::format("aggregation.robust '{}' needs every single update, and under privacy.secagg the "
                    "coordinator has none; with privacy.secagg.groups of 3 or more it combines the "
                    "groups' means",
                    a.robust));
    return;
  }
  require(
      p, one_of(a.robust, {"median", "trimmedmean", "geomedian"}),
      fmt::format("privacy.secagg.groups {} needs aggregation.robust median, trimmedmean or geomedian "
                  "to combine the groups' means, is '{}'",
                  s.groups, a.robust));
  const StrategyTraits* rule = find_strategy(a.robust);
  const std::int64_t fewest = rule == nullptr ? 0 : fewest_updates(*rule, a.rule.byzantine);
  require(p, s.groups >= fewest,
          fmt::format("privacy.secagg.groups must be at least {} for aggregation.robust {} with "
                      "aggregation.rule.byzantine {}, is {}",
                      fewest, a.robust, a.rule.byzantine, s.groups));
}

void check_cohort(Problems& p, const Experiment& e) {
  const SecAggConfig& s = e.privacy.secagg;
  const int cohort = e.rounds.cohort_size;
  const int smallest_group = cohort / std::max(s.groups, 1);
  if (smallest_group < static_cast<int>(kFewestSurvivors))
    return p.push_back(
        fmt::format("rounds.cohort_size must be at least {} for privacy.secagg with {} "
                    "group(s), is {}",
                    static_cast<int>(kFewestSurvivors) * s.groups, s.groups, cohort));
  require(p, s.survivors <= smallest_group,
          fmt::format("privacy.secagg.survivors must not exceed the {} devices of a group, is {}",
                      smallest_group, s.survivors));
  require(
      p, e.rounds.selection.method == "uniform",
      fmt::format("rounds.selection.method must be uniform with privacy.secagg, is '{}': others choose "
                  "by losses and times, which devices then keep to themselves",
                  e.rounds.selection.method));
  require(p, e.rounds.min_updates == 0 || e.rounds.min_updates >= s.fewest_updates(cohort),
          fmt::format("rounds.min_updates must be 0 or at least {}, which privacy.secagg needs, is {}",
                      s.fewest_updates(cohort), e.rounds.min_updates));
}

void check_privacy(Problems& p, const Experiment& e) {
  const DpConfig& dp = e.privacy.dp;
  require(
      p, !dp.is_central(),
      "privacy.dp.mechanism central cannot go with privacy.secagg: against a coordinator that is not "
      "trusted with updates, the coordinator's own noise is no protection, and its clip could not be "
      "checked; use distributed");
  require(p, !dp.is_local(),
          "privacy.dp.mechanism local cannot go with privacy.secagg: a round that is tried again would "
          "release the device's noised update twice and be accounted for once; use distributed");
}

}  // namespace

void validate_secagg(const Experiment& e, Problems& problems) {
  const SecAggConfig& s = e.privacy.secagg;
  require(problems, one_of(s.mode, {"off", "honest", "active"}),
          fmt::format("privacy.secagg.mode must be off, honest or active, is '{}'", s.mode));
  if (!s.is_on()) return;
  check_ranges(problems, s);
  require(problems, s.clip > 0 || e.privacy.clip_norm > 0 || e.privacy.dp.is_distributed(),
          "privacy.secagg.clip must be set when privacy.clip_norm is 0: values in the sum's ring are "
          "bounded");
  check_strategy(problems, e.aggregation);
  check_groups(problems, e);
  check_cohort(problems, e);
  check_privacy(problems, e);
  require(
      problems, e.aggregation.codec == "fp32",
      fmt::format("aggregation.codec must be fp32 with privacy.secagg, is '{}': what travels are ring "
                  "elements of privacy.secagg.value_bits, and an encoded update cannot be added up",
                  e.aggregation.codec));
}

}  // namespace fennec
