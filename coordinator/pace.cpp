#include "coordinator/pace.h"

#include <algorithm>

namespace fennec {
namespace {

constexpr std::size_t kMany = 10;   // clients for each place
constexpr double kLongest = 86400;  // a device asks once a day at least
constexpr double kSpread = 0.1;     // of a round: over which few clients ask again

}  // namespace

double rejoin_seconds(std::size_t population, std::size_t wanted, double round_s, double left_s,
                      RandomStream random) {
  const double gap =
      static_cast<double>(population) / static_cast<double>(std::max<std::size_t>(wanted, 1)) * round_s;
  const double wait = population >= kMany * wanted ? random.uniform(0.5, 1.5) * gap
                                                   : left_s + random.uniform(0, kSpread) * round_s;
  return std::clamp(wait, 1.0, kLongest);
}

}  // namespace fennec
