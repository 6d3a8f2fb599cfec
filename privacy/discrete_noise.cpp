#include "privacy/discrete_noise.h"

#include <cmath>

#include "core/error.h"

namespace fennec {

namespace {

int bits_of(Uint128 value) {
  int bits = 0;
  for (; value != 0; value >>= 1) ++bits;
  return bits;
}

/// For an exponent of at most 1 (their Algorithm 1, first case): the first k at which
/// Bernoulli(exponent/k) fails is odd with probability e^{−exponent}.
bool bernoulli_exp_fraction(RandomBytes& bytes, Uint128 numerator, Uint128 denominator) {
  std::uint64_t k = 1;
  while (uniform_below(bytes, denominator * k) < numerator) ++k;
  return k % 2 == 1;
}

}  // namespace

Uint128 uniform_below(RandomBytes& bytes, Uint128 bound) {
  FENNEC_CHECK(bound > 0);
  const int bits = bits_of(bound - 1);
  const Uint128 mask = bits == 128 ? ~Uint128{0} : (Uint128{1} << bits) - 1;
  for (;;) {
    Uint128 value = 0;
    for (int taken = 0; taken < bits; taken += 8) value = value << 8 | bytes.next();
    value &= mask;
    if (value < bound) return value;
  }
}

bool bernoulli_exp(RandomBytes& bytes, Uint128 numerator, Uint128 denominator) {
  FENNEC_CHECK(denominator > 0);
  for (; numerator > denominator; numerator -= denominator)
    if (!bernoulli_exp_fraction(bytes, 1, 1)) return false;
  return bernoulli_exp_fraction(bytes, numerator, denominator);
}

std::int64_t discrete_laplace(RandomBytes& bytes, std::uint64_t scale) {
  FENNEC_CHECK(scale >= 1 && scale <= std::uint64_t{1} << 54);
  for (;;) {
    const auto offset = static_cast<std::uint64_t>(uniform_below(bytes, scale));
    if (!bernoulli_exp(bytes, offset, scale)) continue;
    std::uint64_t multiples = 0;
    while (bernoulli_exp(bytes, 1, 1)) ++multiples;
    const auto size = static_cast<std::int64_t>(offset + scale * multiples);
    const bool negative = uniform_below(bytes, 2) == 1;
    if (negative && size == 0) continue;  // else zero would be drawn twice as often
    return negative ? -size : size;
  }
}

DiscreteGaussian::DiscreteGaussian(std::uint64_t variance_numerator, std::uint64_t variance_denominator)
    : numerator_(variance_numerator), denominator_(variance_denominator) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 54;  // squares below stay within 128 bits
  FENNEC_CHECK(numerator_ >= 1 && numerator_ <= kMost && denominator_ >= 1 && denominator_ <= kMost);
  const std::uint64_t whole = numerator_ / denominator_;  // ⌊σ⌋ = ⌊√⌊σ²⌋⌋
  auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(whole)));
  while (root * root > whole) --root;
  while ((root + 1) * (root + 1) <= whole) ++root;
  scale_ = root + 1;
}

std::int64_t DiscreteGaussian::operator()(RandomBytes& bytes) const {
  constexpr std::uint64_t kFarthest = 60;  // scales; beyond, acceptance is below e^{−1700}: never
  for (;;) {
    const std::int64_t candidate = discrete_laplace(bytes, scale_);
    const auto size = static_cast<std::uint64_t>(candidate < 0 ? -candidate : candidate);
    if (size / scale_ >= kFarthest) continue;
    // (|Y| − σ²/T)²/(2σ²) = (|Y|·d·T − n)² / (2·n·d·T²) with σ² = n/d.
    const Uint128 reach = Uint128{size} * denominator_ * scale_;
    const Uint128 gap = reach > numerator_ ? reach - numerator_ : numerator_ - reach;
    if (bernoulli_exp(bytes, gap * gap, Uint128{2} * numerator_ * denominator_ * scale_ * scale_))
      return candidate;
  }
}

}  // namespace fennec
