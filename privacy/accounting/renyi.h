#pragma once
#include <functional>
#include <vector>

namespace fennec {

/// Rényi DP of a mechanism (Mironov 2017) at a list of orders; adds up under composition.
struct RenyiCurve {
  std::vector<double> orders;  ///< each above 1
  std::vector<double> values;  ///< RDP at that order, nats; +∞ where unknown
};

/// The orders accounted at: 1.1, 1.2 … 10.9, 11, 12 … 63, 128, 256, 512, 1024 (those of dp_accounting).
const std::vector<double>& default_rdp_orders();

/// RDP at every order, `rdp(order)` for one use of the mechanism, composed `steps` times.
RenyiCurve renyi_curve(const std::vector<double>& orders, const std::function<double(double)>& rdp,
                       double steps = 1);
/// Composition: a += b. Both have the same orders.
void compose(RenyiCurve& a, const RenyiCurve& b);

struct EpsilonAtOrder {
  double epsilon = 0;
  double order = 0;  ///< the order the bound comes from; 0 when no order gives one
};
/// The least ε with (ε, δ)-DP, over the orders (Canonne, Kamath, Steinke 2020, Prop. 12 = Balle et al.
/// 2020, Thm 21). +∞ when no order is finite. 0 < delta < 1.
EpsilonAtOrder epsilon_of(const RenyiCurve& curve, double delta);
/// The least δ with (ε, δ)-DP; the inverse of epsilon_of. At most 1.
double delta_of(const RenyiCurve& curve, double epsilon);

}  // namespace fennec
