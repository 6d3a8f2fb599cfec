#pragma once
#include <array>
#include <string>
#include <vector>

#include "core/rng.h"

namespace fennec {

using Vector3 = std::array<double, 3>;

/// What a body with a device on it does during a window.
enum class Motion { kStill, kWalking, kTurning, kRising, kSitting, kRunning, kStairs, kLying };

/// How one person moves and wears the device.
struct Wearer {
  Vector3 up;     ///< unit vector of gravity's reaction in device axes, when upright
  Vector3 hinge;  ///< unit vector, ⟂ up: axis the device tips around when the person sits down
  double cadence_hz = 1.9;   ///< steps a second
  double bounce = 2.5;       ///< m/s², amplitude of the step in vertical acceleration
  double sway = 0.8;         ///< rad/s, amplitude of rotation while walking
  double turn_rate = 1.6;    ///< rad/s
  double seated_tilt = 0.3;  ///< rad by which the device leans when seated
  double unrest = 0.15;      ///< m/s², fidgeting when at rest
};
Wearer draw_wearer(RandomStream& random);

/// Acceleration with gravity (m/s²) and rotation rate (rad/s) at 20 Hz.
struct InertialWindow {
  std::vector<Vector3> acc, gyro;
};
InertialWindow draw_window(RandomStream& random, const Wearer& wearer, Motion motion,
                           std::size_t samples);

/// Per-axis means and deviations of a window, and the magnitude of its acceleration.
struct InertialStatistics {
  Vector3 acc_mean, acc_sd, gyro_mean, gyro_sd;
  std::vector<double> magnitude;
};
InertialStatistics statistics_of(const InertialWindow& window);

}  // namespace fennec
