#pragma once
#include <string>
#include <vector>

namespace fennec {

// The only list of ways to choose examples (data/example_selection.cpp).
#define FENNEC_EXAMPLE_SELECTIONS(X) X(none) X(mixed) X(loss) X(el2n) X(ifd) X(k_center)

/// Which of its examples a device trains on in a round.
struct ExampleSelectionConfig {
  std::string strategy = "none";
  double share = 0.3;
  double noise_share = 0.02;
};

inline const std::vector<std::string>& example_selection_names() {
#define FENNEC_NAME(name) #name,
  static const std::vector<std::string> names = {FENNEC_EXAMPLE_SELECTIONS(FENNEC_NAME)};
#undef FENNEC_NAME
  return names;
}

}  // namespace fennec
