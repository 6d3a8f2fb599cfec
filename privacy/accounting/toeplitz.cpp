#include "privacy/accounting/toeplitz.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fennec {

std::vector<double> optimal_toeplitz(std::size_t steps) {
  std::vector<double> out(steps, 1);
  for (std::size_t k = 1; k < steps; ++k)
    out[k] = out[k - 1] * (2 * static_cast<double>(k) - 1) / (2 * static_cast<double>(k));
  return out;
}

std::vector<double> coefficients(const BufferedToeplitz& blt, std::size_t steps) {
  FENNEC_CHECK(blt.scales.size() == blt.decays.size());
  std::vector<double> powers(blt.scales), out(steps, 1);  // ω_j·θ_j^{i−1}
  for (std::size_t i = 1; i < steps; ++i) {
    out[i] = 0;
    for (std::size_t j = 0; j < powers.size(); ++j) {
      out[i] += powers[j];
      powers[j] *= blt.decays[j];
    }
  }
  return out;
}

double toeplitz_sensitivity(const std::vector<double>& coefficients, std::size_t separation,
                            std::size_t most_participations) {
  FENNEC_CHECK(!coefficients.empty() && separation >= 1 && most_participations >= 1);
  FENNEC_CHECK(std::is_sorted(coefficients.rbegin(), coefficients.rend()) && coefficients.back() >= 0,
               "the bound holds for coefficients that are not negative and do not increase");
  const std::size_t steps = coefficients.size();
  const std::size_t times = std::min(most_participations, (steps + separation - 1) / separation);
  double squares = 0;
  for (std::size_t row = 0; row < steps; ++row) {
    double entry = 0;
    for (std::size_t i = 0; i < times && i * separation <= row; ++i)
      entry += coefficients[row - i * separation];
    squares += entry * entry;
  }
  return std::sqrt(squares);
}

}  // namespace fennec
