#pragma once
#include <cstddef>
#include <cstdint>

namespace fennec {

/// Noise on integers that many clients add under one secure sum (Kairouz, Liu, Steinke 2021, arXiv
/// 2102.06387; Agarwal, Kairouz, Liu 2021, arXiv 2110.04995). All in units of the grid: a clipped
/// vector is multiplied by `scale` and rounded at random.
struct DistributedNoise {
  double clip_norm = 1;            ///< C, before scaling
  double scale = 1;                ///< S: grid points per unit
  std::int64_t dimension = 1;      ///< D, after padding
  double rounding_bias = 0.60653;  ///< β: probability that a conditional rounding is drawn again
  double local_stddev = 1;         ///< s_ℓ of one client's noise, grid units
  std::int64_t noisy_clients = 1;  ///< survivors that did add noise, at least

  double l2_sensitivity() const;  ///< Δ₂ after conditional stochastic rounding
  double l1_sensitivity() const;  ///< Δ₁ ≤ Δ₂·min(√D, Δ₂)
};

/// RDP of the sum of discrete Gaussians, each N_Z(0, s_ℓ²). Their sum is not quite a discrete Gaussian;
/// τ bounds by how much.
double distributed_discrete_gaussian_rdp(const DistributedNoise& noise, double order);
double distributed_discrete_gaussian_tau(const DistributedNoise& noise);
/// The noise multiplier of a Gaussian mechanism whose RDP is at no order below that: of the bounds, the
/// two that are linear in the order. What a release costs, in one number that adds up as zCDP does.
double distributed_discrete_gaussian_multiplier(const DistributedNoise& noise);

/// RDP of the sum of Skellam noises of variance s_ℓ² each; `order` is a whole number above 1.
double distributed_skellam_rdp(const DistributedNoise& noise, double order);

}  // namespace fennec
