#pragma once
#include "privacy/dp_config.h"
#include "privacy/example_dp_config.h"
#include "privacy/secagg_config.h"

namespace fennec {

struct PrivacyConfig {
  double clip_norm = 0;
  DpConfig dp;
  ExampleDpConfig example;
  SecAggConfig secagg;
};

template <class Visitor>
void fields(Visitor& v, PrivacyConfig& c) {
  v("clip_norm", c.clip_norm,
    "L2 limit of a client's whole delta before it leaves the device; 0 = off");
  v("dp", c.dp, "");
  v("example", c.example, "");
  v("secagg", c.secagg, "");
}

/// What a device clips its delta to; 0 = not. With an adaptive norm the coordinator does it.
inline double device_clip_norm(const PrivacyConfig& c) {
  if (!c.dp.is_on()) return c.clip_norm;
  return c.dp.adaptive_clip.enabled ? 0 : c.dp.clip_norm;
}

}  // namespace fennec
