#pragma once
#include <string>

namespace fennec {

struct AdaptiveClipConfig {
  bool enabled = false;
  double quantile = 0.5;
  double learning_rate = 0.2;
  double count_stddev = 0;
};

template <class Visitor>
void fields(Visitor& v, AdaptiveClipConfig& c) {
  v("enabled", c.enabled,
    "central: let the clip norm follow a quantile of the devices' norms, itself learnt with noise; "
    "clip_norm is where it starts");
  v("quantile", c.quantile, "share of a cohort that should be within the clip norm");
  v("learning_rate", c.learning_rate, "geometric step of the clip norm");
  v("count_stddev", c.count_stddev,
    "noise on the count of devices within the norm; 0 = a twentieth of the cohort");
}

/// Differential privacy of a run: docs/differential_privacy.md.
struct DpConfig {
  std::string mechanism = "off";
  double clip_norm = 0;
  double noise_multiplier = 0;
  double delta = 0;
  double epsilon = 0;
  std::string sampling = "fixed";
  int population = 0;
  std::string accountant = "rdp";
  AdaptiveClipConfig adaptive_clip;

  bool is_on() const { return mechanism != "off"; }
  bool is_central() const { return mechanism == "central"; }
  bool is_local() const { return mechanism == "local"; }
  bool is_distributed() const { return mechanism == "distributed"; }
  bool is_poisson() const { return is_central() && sampling == "poisson"; }
};

template <class Visitor>
void fields(Visitor& v, DpConfig& c) {
  v("mechanism", c.mechanism,
    "differential privacy of a device's data: off, central (the coordinator adds noise to the sum, "
    "every device weighs the same), local (each device adds it), distributed (each device adds a share "
    "of it under privacy.secagg)");
  v("clip_norm", c.clip_norm, "L2 limit of a device's delta, its influence on a round");
  v("noise_multiplier", c.noise_multiplier,
    "noise std over clip_norm (distributed: of a sum, at least); `fennec-coordinator privacy plan` "
    "finds it");
  v("delta", c.delta, "of (epsilon, delta); far below one over the number of devices");
  v("epsilon", c.epsilon, "budget: the run ends before the round that would exceed it; 0 = no limit");
  v("sampling", c.sampling,
    "fixed (cohorts of cohort_size, no amplification claimed) or poisson (central: each device joins "
    "a round by itself with probability cohort_size/population, in secret)");
  v("population", c.population, "poisson: devices that cohorts are drawn from");
  v("accountant", c.accountant,
    "rdp, pld (tighter, a second a round; not distributed), or zcdp (without sampling)");
  v("adaptive_clip", c.adaptive_clip, "");
}

}  // namespace fennec
