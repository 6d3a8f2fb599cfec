#include "privacy/accounting/tree.h"

#include <bit>
#include <limits>

#include "core/error.h"

namespace fennec {

int tree_height(std::int64_t steps) {
  FENNEC_CHECK(steps >= 1);
  return static_cast<int>(
      std::bit_width(static_cast<std::uint64_t>(steps)));  // ⌈log2(n + 1)⌉ for whole n
}

double tree_rdp(double noise_multiplier, int height, double order) {
  FENNEC_CHECK(noise_multiplier >= 0 && height >= 1 && order > 1);
  if (noise_multiplier == 0) return std::numeric_limits<double>::infinity();
  return order * height / (2 * noise_multiplier * noise_multiplier);
}

}  // namespace fennec
