#pragma once
#include <cstdint>
#include <vector>

namespace fennec {

/// Distribution of the privacy loss ln(P/Q) of one neighbouring pair under P, on a grid. Made
/// pessimistically, so that any δ computed from it is an upper bound up to floating-point rounding.
struct LossDistribution {
  double step = 0;         ///< grid width, nats
  std::int64_t first = 0;  ///< grid index of masses[0]: its loss is first·step
  std::vector<double> masses;
  double infinite = 0;  ///< mass at loss +∞
};

enum class Neighbour { kAdded, kRemoved };  ///< the unit is only in Q's data, only in P's

/// One step of the Gaussian mechanism on a Poisson sample, discretised by "connect the dots"
/// (Doroshenko et al., arXiv 2207.04380): each piece of mass is shared out to the grid points around it
/// so that its mass under P and under Q both stay: the error is quadratic in `step`, never optimistic.
/// @param sampling_rate  above 0, at most 1  @param noise_multiplier  above 0
LossDistribution sampled_gaussian_loss(double sampling_rate, double noise_multiplier,
                                       Neighbour direction, double step);

/// δ(ε) of a composition.
class ComposedLoss {
 public:
  /// `steps` independent uses of `one`, by FFT over 2^log2_size points; what could wrap around is
  /// bounded (Chernoff) and counted as δ.
  ComposedLoss(const LossDistribution& one, std::int64_t steps, int log2_size);
  double delta(double epsilon) const;

 private:
  double step_, lowest_;  ///< loss of masses_[0]
  std::vector<double> masses_;
  double excess_;  ///< mass at +∞ and beyond the window
};

/// The least ε for `delta` of `steps` uses of the sampled Gaussian, add or remove one unit: an upper
/// bound that is tight to about 1e-4, where RDP loses 5 to 20 %. +∞ when above 200.
double pld_epsilon(double sampling_rate, double noise_multiplier, std::int64_t steps, double delta);

}  // namespace fennec
