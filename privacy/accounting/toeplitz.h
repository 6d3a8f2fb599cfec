#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fennec {

// Correlated noise for prefix sums (matrix mechanism; Denisov et al. 2022, McMahan et al. 2024): C is
// lower-triangular Toeplitz with c_0 = 1, and round t gets (C⁻¹·Z)_t, Z white.

/// Coefficients that are best for single participation: c_k = c_{k−1}·(2k−1)/(2k).
std::vector<double> optimal_toeplitz(std::size_t steps);

/// Buffered linear Toeplitz: c_0 = 1, c_i = Σ_j ω_j·θ_j^{i−1} (arXiv 2408.08868).
struct BufferedToeplitz {
  std::vector<double> scales;  ///< ω, not negative
  std::vector<double> decays;  ///< θ, 0 to 1
};
std::vector<double> coefficients(const BufferedToeplitz& blt, std::size_t steps);

/// L2 sensitivity of C·x when a unit takes part at most `most_participations` times, at least
/// `separation` rounds apart: ‖Σ_{i<K'} C[:, i·separation]‖₂ with K' = min(K, ⌈T/separation⌉).
/// @param coefficients  not negative, not increasing: the bound needs it (checked)
double toeplitz_sensitivity(const std::vector<double>& coefficients, std::size_t separation,
                            std::size_t most_participations);

}  // namespace fennec
