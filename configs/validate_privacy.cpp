#include "configs/validate_privacy.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace fennec {

namespace {

using Problems = std::vector<std::string>;

void require(Problems& problems, bool holds, std::string message) {
  if (!holds) problems.push_back(std::move(message));
}

template <std::size_t N>
void one_of(Problems& problems, const char* key, const std::string& value,
            const std::array<std::string_view, N>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  std::string names;
  for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
  problems.push_back(fmt::format("{} must be one of {}, is '{}'", key, names, value));
}

void check_ranges(Problems& p, const DpConfig& dp) {
  constexpr double kLeastNoise = 1e-3, kMostNoise = 1e6;
  require(p, dp.clip_norm > 0 && dp.clip_norm <= 1e6,
          fmt::format("privacy.dp.clip_norm must be above 0 and at most 1e6, is {}", dp.clip_norm));
  require(p, dp.noise_multiplier >= kLeastNoise && dp.noise_multiplier <= kMostNoise,
          fmt::format("privacy.dp.noise_multiplier must be between {} and {}, is {}; "
                      "`fennec-coordinator privacy plan` finds it",
                      kLeastNoise, kMostNoise, dp.noise_multiplier));
  require(p, dp.delta > 0 && dp.delta < 1,
          fmt::format("privacy.dp.delta must lie between 0 and 1, is {}", dp.delta));
  require(p, dp.epsilon >= 0, fmt::format("privacy.dp.epsilon must be at least 0, is {}", dp.epsilon));
  one_of(p, "privacy.dp.accountant", dp.accountant,
         std::array<std::string_view, 3>{"rdp", "pld", "zcdp"});
  require(p, dp.accountant != "zcdp" || dp.sampling != "poisson",
          "privacy.dp.accountant zcdp knows no amplification by sampling: with privacy.dp.sampling "
          "poisson use rdp or pld");
}

void check_central(Problems& p, const Experiment& e) {
  // Sensitivity is the clip norm only where the sum of the clipped deltas is all that is used of them.
  static constexpr std::array<std::string_view, 3> kMeans{"fedavg", "ffa", "rolora"};
  require(
      p, std::find(kMeans.begin(), kMeans.end(), e.aggregation.strategy) != kMeans.end(),
      fmt::format("aggregation.strategy '{}' is not a plain mean: with privacy.dp.mechanism central "
                  "one device's influence on it is not bounded by privacy.dp.clip_norm; use fedavg",
                  e.aggregation.strategy));
  require(p, e.aggregation.robust.empty(),
          fmt::format("aggregation.robust '{}' has no place under privacy.dp.mechanism central: the "
                      "noised mean is all that is used of the updates",
                      e.aggregation.robust));
}

/// A device that makes its own privacy sends its delta and nothing else (client/local_round.cpp).
void keeps_figures(Problems& p, const Experiment& e, std::string_view under) {
  for (const std::string_view name : {"fednova", "qfedavg", "scaffold"})
    require(p, e.aggregation.strategy != name,
            fmt::format("aggregation.strategy '{}' weighs by losses or steps, which a device keeps to "
                        "itself under {}; use fedavg",
                        name, under));
}

void check_distributed(Problems& p, const Experiment& e) {
  const SecAggConfig& s = e.privacy.secagg;
  require(
      p, s.is_on(),
      "privacy.dp.mechanism distributed needs privacy.secagg: a device's share of the noise protects "
      "nothing but a sum");
  require(p, e.privacy.dp.accountant != "pld",
          "privacy.dp.accountant pld does not cover sums of discrete Gaussians "
          "(privacy.dp.mechanism distributed); use rdp or zcdp");
  require(p, s.clip == 0 && s.value_bits == 0,
          fmt::format("privacy.secagg.clip and value_bits must be 0 with privacy.dp.mechanism "
                      "distributed, are {} and {}: the grid follows from the noise",
                      s.clip, s.value_bits));
  require(
      p, s.max_weight == 0,
      fmt::format("privacy.secagg.max_weight must be 0 with privacy.dp.mechanism distributed, is {}: "
                  "the bound on a device's influence is that of equal weights",
                  s.max_weight));
  require(
      p, !s.is_on() || s.noisy_survivors(e.rounds.cohort_size) >= 1,
      fmt::format("privacy.secagg.survivors ({}) must exceed the corrupt share ({}) of a cohort of "
                  "{} with privacy.dp.mechanism distributed: only what the others add counts as noise",
                  s.fewest_survivors(e.rounds.cohort_size), s.corrupt, e.rounds.cohort_size));
}

void check_sampling(Problems& p, const Experiment& e) {
  const DpConfig& dp = e.privacy.dp;
  one_of(p, "privacy.dp.sampling", dp.sampling, std::array<std::string_view, 2>{"fixed", "poisson"});
  if (dp.sampling != "poisson") {
    require(p, dp.population == 0,
            fmt::format("privacy.dp.population {} claims amplification by sampling, but "
                        "privacy.dp.sampling is {}: a cohort of fixed size is not a Poisson sample; "
                        "set sampling to poisson, or population to 0",
                        dp.population, dp.sampling));
    return;
  }
  require(p, dp.is_central(),
          fmt::format("privacy.dp.sampling poisson needs privacy.dp.mechanism central: the coordinator "
                      "knows the cohort, so against it ({}) sampling hides nothing",
                      dp.mechanism));
  require(p, dp.population >= e.rounds.cohort_size,
          fmt::format("privacy.dp.population must be at least rounds.cohort_size ({}), is {}",
                      e.rounds.cohort_size, dp.population));
  require(p, e.rounds.min_updates == 0,
          fmt::format("rounds.min_updates must be 0 with privacy.dp.sampling poisson, is {}: a round "
                      "commits with whatever came by the deadline",
                      e.rounds.min_updates));
}

void check_adaptive_clip(Problems& p, const Experiment& e) {
  const AdaptiveClipConfig& a = e.privacy.dp.adaptive_clip;
  if (!a.enabled) return;
  require(p, e.privacy.dp.is_central(),
          "privacy.dp.adaptive_clip needs privacy.dp.mechanism central: the coordinator counts the "
          "norms");
  require(p, a.quantile > 0 && a.quantile < 1,
          fmt::format("privacy.dp.adaptive_clip.quantile must lie between 0 and 1, is {}", a.quantile));
  require(p, a.learning_rate > 0 && a.learning_rate <= 2,
          fmt::format("privacy.dp.adaptive_clip.learning_rate must be above 0 and at most 2, is {}",
                      a.learning_rate));
  const double stddev = a.count_stddev > 0 ? a.count_stddev : e.rounds.cohort_size / 20.0;
  require(p, a.count_stddev >= 0 && a.count_stddev <= 1e4,
          fmt::format("privacy.dp.adaptive_clip.count_stddev must be between 0 and 10000, is {}",
                      a.count_stddev));
  require(p, e.privacy.dp.noise_multiplier < 2 * stddev,
          fmt::format("privacy.dp.noise_multiplier must be below twice the noise on the count ({}), is "
                      "{}: raise privacy.dp.adaptive_clip.count_stddev or the cohort",
                      2 * stddev, e.privacy.dp.noise_multiplier));
}

void check_example(Problems& p, const Experiment& e) {
  const ExampleDpConfig& x = e.privacy.example;
  require(p, x.noise_multiplier == 0 || (x.noise_multiplier >= 1e-2 && x.noise_multiplier <= 1e4),
          fmt::format("privacy.example.noise_multiplier must be 0 or between 0.01 and 10000, is {}",
                      x.noise_multiplier));
  if (!x.is_on()) {
    require(
        p, x.epsilon == 0,
        "privacy.example.epsilon is set, but noise_multiplier is 0: nothing would keep that promise");
    return;
  }
  require(p, x.clip_norm > 0 && x.clip_norm <= 1e6,
          fmt::format("privacy.example.clip_norm must be above 0 and at most 1e6, is {}", x.clip_norm));
  require(p, x.batch_examples >= 1,
          fmt::format("privacy.example.batch_examples must be at least 1, is {}", x.batch_examples));
  require(p, x.delta > 0 && x.delta < 1,
          fmt::format("privacy.example.delta must lie between 0 and 1, is {}", x.delta));
  require(p, x.epsilon >= 0,
          fmt::format("privacy.example.epsilon must be at least 0, is {}", x.epsilon));
  require(p, e.train.optimizer == "adamw",
          fmt::format("privacy.example needs train.optimizer adamw, is '{}': gradients of single "
                      "examples are what is clipped",
                      e.train.optimizer));
  require(
      p, e.train.selection.strategy == "none",
      fmt::format("train.selection '{}' looks at the examples without noise; with privacy.example it "
                  "must be none",
                  e.train.selection.strategy));
  require(p, e.rounds.selection.method == "uniform",
          fmt::format("rounds.selection.method '{}' chooses by what devices keep to themselves under "
                      "privacy.example; use uniform",
                      e.rounds.selection.method));
  require(
      p, !e.privacy.secagg.is_on() || e.privacy.dp.is_distributed(),
      "privacy.example goes with privacy.secagg only when privacy.dp.mechanism is distributed: else "
      "the cohort's mean training loss leaves with the sum");
  keeps_figures(p, e, "privacy.example");
}

}  // namespace

void validate_privacy(const Experiment& e, Problems& problems) {
  check_example(problems, e);
  const DpConfig& dp = e.privacy.dp;
  one_of(problems, "privacy.dp.mechanism", dp.mechanism,
         std::array<std::string_view, 4>{"off", "central", "local", "distributed"});
  if (!dp.is_on()) {
    require(problems, dp.noise_multiplier == 0 && dp.epsilon == 0,
            "privacy.dp.mechanism is off, but noise_multiplier or epsilon is set: nothing would keep "
            "that promise");
    return;
  }
  check_ranges(problems, dp);
  require(problems, e.privacy.clip_norm == 0,
          fmt::format("privacy.clip_norm must be 0 with privacy.dp.mechanism {}, is {}: "
                      "privacy.dp.clip_norm is the limit",
                      dp.mechanism, e.privacy.clip_norm));
  if (dp.is_central()) check_central(problems, e);
  if (dp.is_local()) keeps_figures(problems, e, "privacy.dp.mechanism local");
  if (dp.is_distributed()) check_distributed(problems, e);
  check_sampling(problems, e);
  check_adaptive_clip(problems, e);
}

}  // namespace fennec
