#pragma once
#include <string>
#include <vector>

namespace fennec {

/// Where the states that enter the first adapted layer are kept between passes over the data.
struct PrefixCacheConfig {
  std::string store = "none";
  std::string precision = "fp32";
  int max_mb = 256;
};

inline const std::vector<std::string>& prefix_store_names() {
  static const std::vector<std::string> names = {"none", "memory", "disk"};
  return names;
}

inline const std::vector<std::string>& state_precision_names() {
  static const std::vector<std::string> names = {"fp32", "bf16", "int8"};
  return names;
}

template <class Visitor>
void fields(Visitor& v, PrefixCacheConfig& c) {
  v("store", c.store,
    "keep what the layers below the first adapted one make of each example, so that they are computed "
    "once: none, memory, disk (beside the device's state); needs lora.layers_to_transform "
    "(docs/memory.md)");
  v("precision", c.precision,
    "of what is kept: fp32 (the same bits as without), bf16, int8 (one scale a token)");
  v("max_mb", c.max_mb, "10⁶ bytes that may be kept; examples beyond them are computed each time");
}

}  // namespace fennec
