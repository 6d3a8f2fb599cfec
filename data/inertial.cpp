#include "data/inertial.h"

#include <cmath>

#include "data/angle.h"
#include "data/sensor_text.h"

namespace fennec {
namespace {

constexpr double kGravity = 9.81, kRate = 20;

Vector3 unit(Vector3 v) {
  const double n = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  return {v[0] / n, v[1] / n, v[2] / n};
}
Vector3 cross(const Vector3& a, const Vector3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
void add(Vector3& v, const Vector3& direction, double amount) {
  for (std::size_t i = 0; i < 3; ++i) v[i] += direction[i] * amount;
}
/// `v` ⟂ `axis` turned around it by `angle`.
Vector3 tipped(const Vector3& v, const Vector3& axis, double angle) {
  Vector3 out{};
  add(out, v, std::cos(angle));
  add(out, cross(axis, v), std::sin(angle));
  return out;
}

/// Strengths of the parts of a movement, as factors of the wearer's own.
struct Pattern {
  double steps = 0, cadence = 1, sway = 0, turn = 0, tilt_from = 0, tilt_to = 0, thrust = 0;
};

Pattern pattern_of(RandomStream& random, const Wearer& wearer, Motion motion) {
  const double side = chance(random, 0.5) ? 1 : -1;
  switch (motion) {
    case Motion::kStill:
      return {0, 1, 0, 0, wearer.seated_tilt, wearer.seated_tilt, 0};
    case Motion::kWalking:
      return {random.uniform(0.7, 1.2),
              random.uniform(0.9, 1.1),
              random.uniform(0.7, 1.2),
              random.normal(0, 0.08),
              0,
              0,
              0};
    case Motion::kTurning:
      return {random.uniform(0.35, 0.9),
              random.uniform(0.8, 1),
              random.uniform(0.5, 1),
              side * random.uniform(0.6, 1.3),
              0,
              0,
              0};
    case Motion::kRising:
      return {random.uniform(0, 0.3),
              1,
              random.uniform(0.1, 0.4),
              0,
              wearer.seated_tilt + random.uniform(0, 0.5),
              random.uniform(-0.1, 0.2),
              random.uniform(1, 3)};
    case Motion::kSitting:
      return {random.uniform(0, 0.3),    1,
              random.uniform(0.1, 0.4),  0,
              random.uniform(-0.1, 0.3), wearer.seated_tilt + random.uniform(0.1, 0.5),
              -random.uniform(1, 3)};
    case Motion::kRunning:
      return {random.uniform(2.2, 3.5),
              random.uniform(1.35, 1.6),
              random.uniform(1.5, 2.3),
              0,
              0.1,
              0.1,
              0};
    case Motion::kStairs:
      return {random.uniform(0.8, 1.3),
              random.uniform(0.7, 0.85),
              random.uniform(0.8, 1.3),
              random.normal(0, 0.1),
              0.15,
              0.15,
              random.uniform(0.3, 0.8)};
    case Motion::kLying:
      return {0, 1, 0, 0, kTwoPi / 4, kTwoPi / 4, 0};
  }
  return {};
}

}  // namespace

Wearer draw_wearer(RandomStream& random) {
  Wearer w;
  // Devices sit along one of their axes, more or less.
  Vector3 along{random.normal(0, 0.25), random.normal(0, 0.25), random.normal(0, 0.25)};
  along[random.below(3)] += chance(random, 0.7) ? 1 : -1;
  w.up = unit(along);
  w.hinge = unit(cross(w.up, {random.normal(), random.normal(), random.normal()}));
  w.cadence_hz = random.uniform(1.5, 2.2);
  w.bounce = random.uniform(1.2, 4.0);
  w.sway = random.uniform(0.4, 1.8);
  w.turn_rate = random.uniform(1.0, 2.6);
  w.seated_tilt = random.uniform(-0.4, 1.4);
  w.unrest = random.uniform(0.03, 0.35);
  return w;
}

InertialWindow draw_window(RandomStream& random, const Wearer& wearer, Motion motion,
                           std::size_t samples) {
  const Pattern p = pattern_of(random, wearer, motion);
  const Vector3 side = cross(wearer.hinge, wearer.up);
  const double duration = static_cast<double>(samples) / kRate, phase = random.uniform(0, kTwoPi);
  const double centre = random.uniform(0.3, 0.7) * duration, width = random.uniform(0.18, 0.4);
  const double noise = wearer.unrest * (p.steps > 0 ? 2 : 1);
  InertialWindow window;
  for (std::size_t i = 0; i < samples; ++i) {
    const double t = static_cast<double>(i) / kRate;
    const double step = kTwoPi * wearer.cadence_hz * p.cadence * t + phase;
    const double logistic = 1 / (1 + std::exp(-(t - centre) / (width * 0.4)));
    const double tilt = p.tilt_from + (p.tilt_to - p.tilt_from) * logistic;
    const double tilt_rate = (p.tilt_to - p.tilt_from) * logistic * (1 - logistic) / (width * 0.4);
    const Vector3 up = tipped(wearer.up, wearer.hinge, tilt);
    const double strike = std::pow(std::max(0.0, std::sin(step)), 6) - 0.3;
    const double bump = (t - centre) / width;
    Vector3 acc{}, gyro{};
    add(acc, up,
        kGravity + p.steps * wearer.bounce * (std::sin(step) + 1.1 * strike) -
            p.thrust * bump * std::exp(0.5 - bump * bump));
    add(acc, side, p.steps * wearer.bounce * 0.5 * std::sin(step / 2 + 0.7));
    add(acc, wearer.hinge, p.steps * wearer.bounce * 0.35 * std::sin(step + 2));
    add(gyro, wearer.up, p.turn * wearer.turn_rate + p.sway * wearer.sway * 0.6 * std::sin(step / 2));
    add(gyro, wearer.hinge, tilt_rate + p.sway * wearer.sway * std::sin(step + 1));
    add(gyro, side, p.sway * wearer.sway * 0.5 * std::cos(step / 2));
    for (std::size_t k = 0; k < 3; ++k) {
      acc[k] += random.normal(0, noise);
      gyro[k] += random.normal(0, 0.12 * noise);
    }
    window.acc.push_back(acc);
    window.gyro.push_back(gyro);
  }
  return window;
}

InertialStatistics statistics_of(const InertialWindow& window) {
  InertialStatistics s{};
  std::vector<double> column(window.acc.size());
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t i = 0; i < column.size(); ++i) column[i] = window.acc[i][k];
    s.acc_mean[k] = mean_of(column);
    s.acc_sd[k] = deviation_of(column);
    for (std::size_t i = 0; i < column.size(); ++i) column[i] = window.gyro[i][k];
    s.gyro_mean[k] = mean_of(column);
    s.gyro_sd[k] = deviation_of(column);
  }
  for (const Vector3& a : window.acc)
    s.magnitude.push_back(std::sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]));
  return s;
}

}  // namespace fennec
