#include "privacy/accounting/privacy_loss.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include "core/error.h"
#include "privacy/accounting/fourier.h"
#include "privacy/accounting/log_space.h"
#include "privacy/accounting/renyi.h"
#include "privacy/accounting/sampled_gaussian.h"

namespace fennec {

namespace {

constexpr double kTail = 9;           // standard deviations that are kept: 1e-19 is left out
constexpr int kLog2Size = 18;         // FFT points
constexpr double kMostEpsilon = 200;  // nobody means such an ε

/// The pair (1−q)·N(0,σ²) + q·N(1,σ²) and N(0,σ²), of which x ↦ loss is increasing.
struct MixturePair {
  double q, sigma;

  double loss(double x) const {  // ln(mixture/plain)
    const double shifted = (2 * x - 1) / (2 * sigma * sigma);
    return log_add(std::log1p(-q), std::log(q) + shifted);
  }
  double point(double loss) const {  // the x with that loss; −∞ below ln(1−q)
    if (q == 1) return sigma * sigma * loss + 0.5;
    const double excess = std::exp(loss) - (1 - q);
    return excess <= 0 ? -kInfinity : sigma * sigma * std::log(excess / q) + 0.5;
  }
  /// Mass of (a, b] under N(mean, σ²), from whichever tail is nearer.
  double plain_mass(double a, double b, double mean) const {
    const double low = (a - mean) / sigma, high = (b - mean) / sigma;
    return low > 0 ? normal_cdf(-low) - normal_cdf(-high) : normal_cdf(high) - normal_cdf(low);
  }
  double mixture_mass(double a, double b) const {
    return (1 - q) * plain_mass(a, b, 0) + q * plain_mass(a, b, 1);
  }
};

/// ln of the bound min_λ E[e^{λL}]^T·e^{−λ·limit} on P(sum of T losses ≥ limit) (Chernoff).
double log_tail_bound(const LossDistribution& one, double steps, double limit) {
  const auto loss = [&](std::size_t i) {
    return one.step * static_cast<double>(one.first + static_cast<std::int64_t>(i));
  };
  const double highest = loss(one.masses.size() - 1);
  double best = 0;
  for (const double lambda : {0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0}) {
    double moment = 0;
    for (std::size_t i = 0; i < one.masses.size(); ++i)
      moment += one.masses[i] * std::exp(lambda * (loss(i) - highest));
    best = std::min(best, steps * (std::log(moment) + lambda * highest) - lambda * limit);
  }
  return best;
}

}  // namespace

LossDistribution sampled_gaussian_loss(double sampling_rate, double noise_multiplier,
                                       Neighbour direction, double step) {
  FENNEC_CHECK(sampling_rate > 0 && sampling_rate <= 1 && noise_multiplier > 0 && step > 0);
  const MixturePair pair{sampling_rate, noise_multiplier};
  const bool removed = direction == Neighbour::kRemoved;
  const double lowest_x = -kTail * noise_multiplier, highest_x = 1 + kTail * noise_multiplier;
  // With the unit added, P and Q change places and the loss its sign.
  const double low = removed ? pair.loss(lowest_x) : -pair.loss(highest_x);
  const double high = removed ? pair.loss(highest_x) : -pair.loss(lowest_x);
  LossDistribution out{step, static_cast<std::int64_t>(std::floor(low / step)), {}, 0};
  const auto last = static_cast<std::int64_t>(std::ceil(high / step));
  out.masses.assign(static_cast<std::size_t>(last - out.first + 1), 0);
  const double width = -std::expm1(-step);
  for (std::size_t i = 0; i + 1 < out.masses.size(); ++i) {
    const double from = step * static_cast<double>(out.first + static_cast<std::int64_t>(i));
    const double a = removed ? pair.point(from) : pair.point(-(from + step));
    const double b = removed ? pair.point(from + step) : pair.point(-from);
    const double mixture = pair.mixture_mass(a, b), plain = pair.plain_mass(a, b, 0);
    const double p = removed ? mixture : plain, q = removed ? plain : mixture;
    const double up = std::clamp((p - q * std::exp(from)) / width, 0.0, p);
    out.masses[i] += p - up;
    out.masses[i + 1] += up;
  }
  // What lies below the grid moves up to its first point, what lies above counts as a loss of +∞.
  const double first_loss = step * static_cast<double>(out.first);
  const double last_loss = step * static_cast<double>(last);
  const double edge_low = pair.point(removed ? first_loss : -last_loss);
  const double edge_high = pair.point(removed ? last_loss : -first_loss);
  const auto mass = [&](double a, double b) {
    return removed ? pair.mixture_mass(a, b) : pair.plain_mass(a, b, 0);
  };
  out.masses.front() += removed ? mass(-kInfinity, edge_low) : mass(edge_high, kInfinity);
  out.infinite = removed ? mass(edge_high, kInfinity) : mass(-kInfinity, edge_low);
  return out;
}

ComposedLoss::ComposedLoss(const LossDistribution& one, std::int64_t steps, int log2_size)
    : step_(one.step) {
  FENNEC_CHECK(steps >= 1);
  const std::size_t size = std::size_t{1} << log2_size;
  const auto signed_size = static_cast<std::int64_t>(size);
  FENNEC_CHECK(one.masses.size() <= size, "the grid holds one step's losses");
  std::vector<std::complex<double>> spectrum(size);
  for (std::size_t i = 0; i < one.masses.size(); ++i) {
    const std::int64_t index = one.first + static_cast<std::int64_t>(i);
    spectrum[static_cast<std::size_t>(((index % signed_size) + signed_size) % signed_size)] +=
        one.masses[i];
  }
  fourier_transform(spectrum, false);
  const double power = static_cast<double>(steps);
  for (std::complex<double>& value : spectrum)
    value = std::polar(std::pow(std::abs(value), power), power * std::arg(value));
  fourier_transform(spectrum, true);
  // The window is [−half, half): sums below it come back at its top, which only adds to δ; what is
  // above is added.
  masses_.resize(size);
  for (std::size_t i = 0; i < size; ++i)
    masses_[i] = std::max(0.0, spectrum[(i + size / 2) % size].real());
  lowest_ = -step_ * static_cast<double>(size / 2);
  excess_ =
      -std::expm1(power * std::log1p(-one.infinite)) + std::exp(log_tail_bound(one, power, -lowest_));
}

double ComposedLoss::delta(double epsilon) const {
  double sum = excess_;
  for (std::size_t i = masses_.size(); i-- > 0;) {
    const double loss = lowest_ + step_ * static_cast<double>(i);
    if (loss <= epsilon) break;
    sum -= std::expm1(epsilon - loss) * masses_[i];
  }
  return std::min(1.0, sum);
}

double pld_epsilon(double sampling_rate, double noise_multiplier, std::int64_t steps, double delta) {
  FENNEC_CHECK(delta > 0 && delta < 1 && steps >= 0);
  if (steps == 0 || sampling_rate == 0) return 0;
  if (noise_multiplier == 0) return kInfinity;
  // The window must hold the ε that RDP would give, and one step's losses.
  const double rdp =
      epsilon_of(renyi_curve(
                     default_rdp_orders(),
                     [&](double order) {
                       return sampled_gaussian_rdp(sampling_rate, noise_multiplier, order);
                     },
                     static_cast<double>(steps)),
                 delta)
          .epsilon;
  if (!(rdp <= kMostEpsilon)) return kInfinity;
  const MixturePair pair{sampling_rate, noise_multiplier};
  const double widest = std::max(std::abs(pair.loss(1 + kTail * noise_multiplier)),
                                 std::abs(pair.loss(-kTail * noise_multiplier)));
  const double half_window = std::max({8.0, 3 * rdp, 2 * widest});
  const double step = 2 * half_window / static_cast<double>(1 << kLog2Size);
  double epsilon = 0;
  for (const Neighbour direction : {Neighbour::kAdded, Neighbour::kRemoved}) {
    const ComposedLoss composed(sampled_gaussian_loss(sampling_rate, noise_multiplier, direction, step),
                                steps, kLog2Size);
    double low = epsilon, high = half_window;
    if (composed.delta(low) <= delta) continue;
    if (composed.delta(high) > delta) return kInfinity;
    while (high - low > 1e-7) {
      const double middle = (low + high) / 2;
      (composed.delta(middle) > delta ? low : high) = middle;
    }
    epsilon = high;
  }
  return epsilon;
}

}  // namespace fennec
