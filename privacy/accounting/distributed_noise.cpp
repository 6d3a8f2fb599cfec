#include "privacy/accounting/distributed_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"

namespace fennec {

namespace {

double total_stddev(const DistributedNoise& noise) {
  return noise.local_stddev * std::sqrt(static_cast<double>(noise.noisy_clients));
}

/// RDP over order/2, of the bounds that are linear in the order.
double inverse_variance(const DistributedNoise& noise) {
  const double stddev = total_stddev(noise), ratio = noise.l2_sensitivity() / stddev,
               tau = distributed_discrete_gaussian_tau(noise), d = static_cast<double>(noise.dimension),
               worst = ratio + std::sqrt(d) * tau;
  const double joint = ratio * ratio + 2 * tau * noise.l1_sensitivity() / stddev + tau * tau * d;
  return std::min(joint, worst * worst);
}

}  // namespace

double DistributedNoise::l2_sensitivity() const {
  FENNEC_CHECK(dimension >= 1 && rounding_bias > 0 && rounding_bias < 1);
  const double norm = scale * clip_norm, d = static_cast<double>(dimension);
  const double likely =
      norm * norm + d / 4 + std::sqrt(2 * std::log(1 / rounding_bias)) * (norm + std::sqrt(d) / 2);
  return std::min(norm + std::sqrt(d), std::sqrt(likely));
}

double DistributedNoise::l1_sensitivity() const {
  const double l2 = l2_sensitivity();
  return l2 * std::min(std::sqrt(static_cast<double>(dimension)), l2);
}

double distributed_discrete_gaussian_tau(const DistributedNoise& noise) {
  double tau = 0;
  for (std::int64_t j = 1; j < noise.noisy_clients; ++j) {
    const double share = static_cast<double>(j) / static_cast<double>(j + 1);
    tau += std::exp(-2 * std::numbers::pi * std::numbers::pi * noise.local_stddev * noise.local_stddev *
                    share);
  }
  return 10 * tau;
}

double distributed_discrete_gaussian_rdp(const DistributedNoise& noise, double order) {
  FENNEC_CHECK(order > 1 && noise.noisy_clients >= 1);
  if (noise.local_stddev == 0) return std::numeric_limits<double>::infinity();
  const double ratio = noise.l2_sensitivity() / total_stddev(noise);
  const double tau = distributed_discrete_gaussian_tau(noise);
  const double separate = order / 2 * ratio * ratio + tau * static_cast<double>(noise.dimension);
  return std::min(separate, order / 2 * inverse_variance(noise));
}

double distributed_discrete_gaussian_multiplier(const DistributedNoise& noise) {
  FENNEC_CHECK(noise.noisy_clients >= 1);
  return noise.local_stddev == 0 ? 0 : 1 / std::sqrt(inverse_variance(noise));
}

double distributed_skellam_rdp(const DistributedNoise& noise, double order) {
  FENNEC_CHECK(order > 1 && order == std::floor(order) && noise.noisy_clients >= 1);
  if (noise.local_stddev == 0) return std::numeric_limits<double>::infinity();
  const double l1 = noise.l1_sensitivity(), l2 = noise.l2_sensitivity(),
               variance = total_stddev(noise) * total_stddev(noise);
  return order * l2 * l2 / (2 * variance) +
         std::min(((2 * order - 1) * l2 * l2 + 6 * l1) / (4 * variance * variance),
                  3 * l1 / (2 * variance));
}

}  // namespace fennec
