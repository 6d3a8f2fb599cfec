#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

namespace fennec {

/// A cohort never gets smaller than this, whatever a configuration says.
inline constexpr std::uint32_t kFewestSurvivors = 3;

/// max(3, ⌈(1 − δ)·n⌉).
inline std::uint32_t default_survivors(std::uint32_t cohort, double dropouts) {
  return std::max(kFewestSurvivors,
                  static_cast<std::uint32_t>(std::ceil((1 - dropouts) * cohort - 1e-9)));
}

/// Secure aggregation of a run: docs/privacy.md.
struct SecAggConfig {
  std::string mode = "off";
  double corrupt = 0.1;
  double dropouts = 0.3;
  int survivors = 0;
  int groups = 1;
  double clip = 0;
  int value_bits = 0;
  double max_weight = 0;
  std::string suite = "aes-256-ctr";
  double phase_deadline_s = 60;

  bool is_on() const { return mode != "off"; }
  /// n_min: no sum of fewer devices is opened.
  std::uint32_t fewest_survivors(int cohort_size) const {
    if (survivors > 0) return static_cast<std::uint32_t>(survivors);
    return default_survivors(static_cast<std::uint32_t>(cohort_size / std::max(groups, 1)), dropouts);
  }
  /// Of the fewest survivors of a sum, those whose part is right although the corrupt share of its
  /// cohort is in the sum, too: they add the noise that was promised.
  std::uint32_t noisy_survivors(int cohort_size) const {
    const int largest_group = (cohort_size + std::max(groups, 1) - 1) / std::max(groups, 1);
    const auto corrupt_members = static_cast<std::uint32_t>(corrupt * largest_group + 1e-9);
    const std::uint32_t fewest = fewest_survivors(cohort_size);
    return fewest > corrupt_members ? fewest - corrupt_members : 0;
  }
  /// Devices whose updates a round needs before their sum is asked for.
  int fewest_updates(int cohort_size) const {
    return static_cast<int>(fewest_survivors(cohort_size)) * groups;
  }
};

template <class Visitor>
void fields(Visitor& v, SecAggConfig& c) {
  v("mode", c.mode,
    "secure aggregation, so that the coordinator sees sums only: off, honest (it follows the "
    "protocol), "
    "active (it may lie; one more exchange)");
  v("corrupt", c.corrupt, "share of a cohort that may be in league with the coordinator");
  v("dropouts", c.dropouts, "share of a cohort that may vanish while the sum is made");
  v("survivors", c.survivors,
    "fewest devices whose sum is opened, a group; 0 = (1 - dropouts) of it, at least 3");
  v("groups", c.groups,
    "sums a round: the cohort in as many parts by lot, their means combined by aggregation.robust");
  v("clip", c.clip, "largest magnitude of one value of a delta; 0 = privacy.clip_norm");
  v("value_bits", c.value_bits,
    "bits of a value in the sum's 32-bit ring; 0 = as many as the cohort allows");
  v("max_weight", c.max_weight,
    "supervised tokens beyond which a device weighs no more; 0 = every device weighs the same");
  v("suite", c.suite,
    "keystream of the masks: aes-256-ctr, or chacha20 (processors without AES instructions)");
  v("phase_deadline_s", c.phase_deadline_s, "seconds each exchange waits for its devices");
}

}  // namespace fennec
