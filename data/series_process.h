#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"

namespace fennec {

/// A generated scalar signal: level + trend + rhythm + persistent noise + events, all with drawn
/// strengths. next() gives its values in time order.
class SeriesProcess {
 public:
  /// @param level  typical value  @param spread  typical deviation from it, same unit
  SeriesProcess(RandomStream& random, double level, double spread);
  double next(RandomStream& random);

 private:
  double level_, trend_, amplitude_, period_, phase_, persistence_, noise_, event_rate_, event_size_;
  double state_ = 0, event_ = 0;
  int t_ = 0;
};

/// A quantity a sensor may report, and a plausible range of typical values in its unit.
struct Quantity {
  std::string name, unit;
  double level = 0, spread = 1;
  double lowest = -1e9;  ///< physical lower bound
};
/// A quantity with a drawn name, unit and operating point; names are sometimes numbered ("T2", "flow
/// 3").
Quantity draw_quantity(RandomStream& random);
/// n quantities with different names.
std::vector<Quantity> draw_quantities(RandomStream& random, std::size_t n);
/// n values of the quantity, in time order, rounded to whole numbers (NaN = missing, with small
/// probability).
std::vector<double> draw_series(RandomStream& random, const Quantity& quantity, std::size_t n,
                                double missing = 0);

}  // namespace fennec
