#pragma once

namespace fennec {

// The Gaussian mechanism without sampling: exact figures and concentrated DP.

/// δ(ε) of one Gaussian release, exact (Balle, Wang 2018, Thm 8); k releases with multiplier σ are one
/// with σ/√k. @param noise_multiplier  std over L2 sensitivity, above 0
double gaussian_delta(double noise_multiplier, double epsilon);
/// Its inverse: the least ε ≥ 0 for `delta`, within 1e-12 relative, never below.
double gaussian_epsilon(double noise_multiplier, double delta);

/// ρ of zero-concentrated DP (Bun, Steinke 2016) of one Gaussian release, 1/(2σ²); adds up. The
/// discrete Gaussian of the same σ has the same ρ. There is no zCDP of a sampled mechanism.
double gaussian_zcdp(double noise_multiplier);
/// The least ε for ρ-zCDP over all real orders.
double zcdp_epsilon(double rho, double delta);
/// ρ + 2√(ρ·ln(1/δ)): the simple formula of Bun and Steinke, looser.
double zcdp_epsilon_simple(double rho, double delta);

}  // namespace fennec
