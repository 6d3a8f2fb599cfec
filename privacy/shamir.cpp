#include "privacy/shamir.h"

#include "privacy/prime_field.h"

namespace fennec {
namespace {

using namespace field61;

constexpr std::size_t kLimbBytes = 7;

constexpr std::size_t limb_size(std::size_t limb) {
  return limb + 1 < kShamirLimbs ? kLimbBytes : 32 - kLimbBytes * (kShamirLimbs - 1);
}

std::uint64_t load_little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

void store_little_endian(std::uint64_t value, std::span<std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>((value >> (8 * i)) & 0xFFu);
}

std::uint64_t limb_of(const SecretShare& share, std::size_t limb) {
  return load_little_endian(share.bytes().subspan(8 * limb, 8));
}

/// Uniform in [0, p): 61 random bits, drawn again when they are p.
std::uint64_t random_element(Entropy& entropy) {
  SecretBytes<8> bytes;
  for (;;) {
    entropy.fill(bytes.bytes());
    const std::uint64_t value = load_little_endian(bytes.bytes()) >> 3;
    if (value != kPrime) return value;
  }
}

}  // namespace

bool is_canonical(const SecretShare& share) {
  bool canonical = true;
  for (std::size_t limb = 0; limb < kShamirLimbs; ++limb)
    canonical = canonical && limb_of(share, limb) < kPrime;
  return canonical;
}

ShamirPolynomials::ShamirPolynomials(const SecretKey& secret, int threshold, Entropy& entropy) {
  FENNEC_CHECK(threshold >= 1);
  for (std::size_t limb = 0; limb < kShamirLimbs; ++limb) {
    auto& coefficients = coefficients_[limb];
    coefficients.reserve(static_cast<std::size_t>(threshold));
    coefficients.push_back(
        load_little_endian(secret.bytes().subspan(kLimbBytes * limb, limb_size(limb))));
    for (int i = 1; i < threshold; ++i) coefficients.push_back(random_element(entropy));
  }
}

ShamirPolynomials::~ShamirPolynomials() {
  for (auto& limb : coefficients_) wipe(std::as_writable_bytes(std::span(limb)));
}

SecretShare ShamirPolynomials::share_at(std::uint32_t x) const {
  FENNEC_CHECK(x != 0, "the share at 0 is the secret");
  SecretShare share;
  for (std::size_t limb = 0; limb < kShamirLimbs; ++limb) {
    std::uint64_t value = 0;  // Horner
    const auto& coefficients = coefficients_[limb];
    for (auto c = coefficients.rbegin(); c != coefficients.rend(); ++c)
      value = add(multiply(value, x), *c);
    store_little_endian(value, share.bytes().subspan(8 * limb, 8));
  }
  return share;
}

std::vector<std::uint64_t> lagrange_at_zero(std::span<const std::uint32_t> places) {
  // λ_i = Π_{j≠i} x_j / (x_j − x_i)
  const std::size_t n = places.size();
  std::vector<std::uint64_t> numerators(n, 1), denominators(n, 1), prefix(n + 1, 1);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (j == i) continue;
      numerators[i] = multiply(numerators[i], places[j]);
      denominators[i] = multiply(denominators[i], subtract(places[j], places[i]));
    }
    FENNEC_CHECK(denominators[i] != 0 && places[i] != 0, "places are distinct and none is 0");
    prefix[i + 1] = multiply(prefix[i], denominators[i]);
  }
  std::uint64_t suffix = inverse(prefix[n]);  // 1 / Π denominators[0..i]
  for (std::size_t i = n; i-- > 0;) {
    numerators[i] = multiply(numerators[i], multiply(suffix, prefix[i]));
    suffix = multiply(suffix, denominators[i]);
  }
  return numerators;
}

Result<SecretKey> reconstruct_secret(std::span<const SecretShare* const> shares,
                                     std::span<const std::uint64_t> lagrange) {
  FENNEC_CHECK(!shares.empty() && shares.size() == lagrange.size());
  SecretKey secret;
  for (std::size_t limb = 0; limb < kShamirLimbs; ++limb) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < shares.size(); ++i)
      value = add(value, multiply(limb_of(*shares[i], limb), lagrange[i]));
    if (value >> (8 * limb_size(limb)) != 0)
      return fail(ErrorCode::kMalformed, "the shares do not belong together");
    store_little_endian(value, secret.bytes().subspan(kLimbBytes * limb, limb_size(limb)));
  }
  return secret;
}

}  // namespace fennec
