#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "privacy/entropy.h"
#include "privacy/secret_bytes.h"

namespace fennec {

// Shamir's secret sharing (CACM 1979) of 32 bytes over F_p, p = 2^61 − 1: the secret is five limbs of
// 7, 7, 7, 7 and 4 bytes (little-endian), each the constant term of a polynomial of degree t − 1.

inline constexpr std::size_t kShamirLimbs = 5;
inline constexpr std::size_t kShareBytes = 8 * kShamirLimbs;

/// One polynomial value a limb, 64-bit little-endian each.
using SecretShare = SecretBytes<kShareBytes>;

/// Whether every limb is below p: there is one encoding of a share.
bool is_canonical(const SecretShare& share);

/// The polynomials that share one secret; wiped on destruction.
class ShamirPolynomials {
 public:
  /// @param threshold  t ≥ 1: any t shares give the secret, t − 1 say nothing about it
  ShamirPolynomials(const SecretKey& secret, int threshold, Entropy& entropy);
  /// With the coefficients given, limb by limb, constant term first.
  explicit ShamirPolynomials(std::array<std::vector<std::uint64_t>, kShamirLimbs> coefficients)
      : coefficients_(std::move(coefficients)) {}
  ShamirPolynomials(const ShamirPolynomials&) = delete;
  ShamirPolynomials& operator=(const ShamirPolynomials&) = delete;
  ~ShamirPolynomials();

  SecretShare share_at(std::uint32_t x) const;  ///< x ≠ 0

 private:
  std::array<std::vector<std::uint64_t>, kShamirLimbs> coefficients_;
};

/// Lagrange's coefficients at 0 for these places, with one inversion for all. They depend only on the
/// places, so neighbours with the same survivors share them.
/// @param places  distinct, none 0
std::vector<std::uint64_t> lagrange_at_zero(std::span<const std::uint32_t> places);

/// The secret from t shares. kMalformed when the limbs are out of range: a share was wrong.
/// @param lagrange  lagrange_at_zero of the shares' places, in the same order
Result<SecretKey> reconstruct_secret(std::span<const SecretShare* const> shares,
                                     std::span<const std::uint64_t> lagrange);

}  // namespace fennec
