#include "privacy/accounting/renyi.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace fennec {

namespace {
constexpr double kLeastOrder = 1.01;  // below, the conversion loses all precision
}

const std::vector<double>& default_rdp_orders() {
  static const std::vector<double> orders = [] {
    std::vector<double> out;
    for (int tenth = 11; tenth <= 109; ++tenth) out.push_back(tenth / 10.0);
    for (int order = 11; order <= 63; ++order) out.push_back(order);
    for (const double order : {128, 256, 512, 1024}) out.push_back(order);
    return out;
  }();
  return orders;
}

RenyiCurve renyi_curve(const std::vector<double>& orders, const std::function<double(double)>& rdp,
                       double steps) {
  FENNEC_CHECK(steps >= 0);
  RenyiCurve curve{orders, {}};
  for (const double order : orders) curve.values.push_back(steps == 0 ? 0 : steps * rdp(order));
  return curve;
}

void compose(RenyiCurve& a, const RenyiCurve& b) {
  FENNEC_CHECK(a.orders == b.orders, "only curves over the same orders compose");
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
}

EpsilonAtOrder epsilon_of(const RenyiCurve& curve, double delta) {
  FENNEC_CHECK(delta > 0 && delta < 1);
  EpsilonAtOrder best{std::numeric_limits<double>::infinity(), 0};
  for (std::size_t i = 0; i < curve.orders.size(); ++i) {
    const double order = curve.orders[i], rdp = curve.values[i];
    if (order <= kLeastOrder || !std::isfinite(rdp)) continue;
    // δ² + e^{−RDP} ≥ 1: the total variation distance alone is below δ.
    double epsilon = 0;
    if (delta * delta + std::expm1(-rdp) <= 0)
      epsilon = rdp + std::log1p(-1 / order) - (std::log(delta) + std::log(order)) / (order - 1);
    if (epsilon < best.epsilon) best = {std::max(epsilon, 0.0), order};
  }
  return best;
}

double delta_of(const RenyiCurve& curve, double epsilon) {
  FENNEC_CHECK(epsilon >= 0);
  double best = 0;  // ln δ
  for (std::size_t i = 0; i < curve.orders.size(); ++i) {
    const double order = curve.orders[i], rdp = curve.values[i];
    if (order <= kLeastOrder || !std::isfinite(rdp)) continue;
    best = std::min(best, (order - 1) * (rdp - epsilon + std::log1p(-1 / order)) - std::log(order));
    best = std::min(best, 0.5 * std::log(-std::expm1(-rdp)));
  }
  return std::exp(best);
}

}  // namespace fennec
