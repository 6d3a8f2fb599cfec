#pragma once

namespace fennec {

struct PrivacyConfig {
  double clip_norm = 0;
};

template <class Visitor>
void fields(Visitor& v, PrivacyConfig& c) {
  v("clip_norm", c.clip_norm,
    "L2 limit of a client's whole delta before it leaves the device; 0 = off");
}

}  // namespace fennec
