#include <doctest/doctest.h>

#include <numeric>

#include "core/digest.h"
#include "core/rng.h"
#include "privacy/prime_field.h"
#include "privacy/shamir.h"

using namespace fennec;

namespace {

std::vector<SecretShare> shares_of(const ShamirPolynomials& polynomials,
                                   const std::vector<std::uint32_t>& places) {
  std::vector<SecretShare> shares;
  for (const std::uint32_t x : places) shares.push_back(polynomials.share_at(x));
  return shares;
}

Result<SecretKey> open(const std::vector<SecretShare>& shares,
                       const std::vector<std::uint32_t>& places) {
  std::vector<const SecretShare*> pointers;
  for (const SecretShare& share : shares) pointers.push_back(&share);
  return reconstruct_secret(pointers, lagrange_at_zero(places));
}

std::string hex(const SecretKey& key) { return to_hex(key.bytes()); }

}  // namespace

TEST_CASE("F_p with p = 2^61 - 1 agrees with 128-bit division at the corners and at random") {
  __extension__ using Wide = unsigned __int128;
  constexpr std::uint64_t p = field61::kPrime;
  std::vector<std::uint64_t> values = {0, 1, 2, p - 1, p - 2, p / 2, p / 2 + 1, 1ull << 60};
  RandomStream random(Seed(1).child("field"));
  for (int i = 0; i < 200; ++i) values.push_back(random.below(p));
  for (const std::uint64_t a : values) {
    if (a != 0) CHECK(field61::multiply(a, field61::inverse(a)) == 1);
    for (const std::uint64_t b : values) {
      CHECK(field61::add(a, b) == (a + b) % p);
      CHECK(field61::subtract(a, b) == (a + p - b) % p);
      CHECK(field61::multiply(a, b) == static_cast<std::uint64_t>(Wide{a} * b % p));
    }
  }
  CHECK(field61::reduce(p) == 0);
  CHECK(field61::reduce((1ull << 62) - 1) == 1);
}

TEST_CASE("any t shares give the secret, in any order") {
  SystemEntropy entropy;
  RandomStream random(Seed(2).child("subsets"));
  for (const int threshold : {1, 2, 3, 7, 55}) {
    const SecretKey secret = entropy.key();
    const ShamirPolynomials polynomials(secret, threshold, entropy);
    std::vector<std::uint32_t> all(100);
    std::iota(all.begin(), all.end(), 1u);
    for (int trial = 0; trial < 20; ++trial) {
      random.shuffle(all);
      const std::vector<std::uint32_t> places(all.begin(), all.begin() + threshold);
      const auto opened = open(shares_of(polynomials, places), places);
      REQUIRE(opened);
      CHECK(hex(*opened) == hex(secret));
    }
  }
}

TEST_CASE("a wrong share or too few give another value or none") {
  SystemEntropy entropy;
  const SecretKey secret = entropy.key();
  const ShamirPolynomials polynomials(secret, 3, entropy);
  const std::vector<std::uint32_t> places = {4, 9, 23};
  std::vector<SecretShare> shares = shares_of(polynomials, places);
  shares[1].bytes()[0] ^= std::byte{1};
  const auto wrong = open(shares, places);
  CHECK((!wrong || hex(*wrong) != hex(secret)));
  const std::vector<std::uint32_t> two = {4, 9};
  const auto few = open(shares_of(polynomials, two), two);
  CHECK((!few || hex(*few) != hex(secret)));
}

TEST_CASE("t - 1 shares fit every secret equally: for each there is a polynomial through them") {
  SystemEntropy entropy;
  const ShamirPolynomials polynomials(entropy.key(), 3, entropy);
  const std::vector<std::uint32_t> places = {5, 8, 31};
  std::vector<SecretShare> shares = shares_of(polynomials, places);
  const std::vector<std::uint64_t> lagrange = lagrange_at_zero(places);
  const auto limb = [](const SecretShare& share, std::size_t i) {
    std::uint64_t value = 0;
    for (std::size_t b = 8; b-- > 0;)
      value = value << 8 | std::to_integer<std::uint64_t>(share.bytes()[8 * i + b]);
    return value;
  };
  for (int trial = 0; trial < 20; ++trial) {
    const SecretKey candidate = entropy.key();
    SecretShare third;  // solves λ0·s0 + λ1·s1 + λ2·third = candidate, limb by limb
    for (std::size_t i = 0; i < kShamirLimbs; ++i) {
      std::uint64_t target = 0;
      const std::size_t size = i < 4 ? 7 : 4;
      for (std::size_t b = size; b-- > 0;)
        target = target << 8 | std::to_integer<std::uint64_t>(candidate.bytes()[7 * i + b]);
      for (std::size_t j = 0; j < 2; ++j)
        target = field61::subtract(target, field61::multiply(lagrange[j], limb(shares[j], i)));
      const std::uint64_t value = field61::multiply(target, field61::inverse(lagrange[2]));
      for (std::size_t b = 0; b < 8; ++b)
        third.bytes()[8 * i + b] = static_cast<std::byte>(value >> (8 * b) & 0xFFu);
    }
    CHECK(is_canonical(third));
    shares[2] = std::move(third);
    const auto opened = open(shares, places);
    REQUIRE(opened);
    CHECK(hex(*opened) == hex(candidate));
  }
}

TEST_CASE("limbs not below p are no share") {
  SecretShare share;
  CHECK(is_canonical(share));
  for (std::size_t b = 0; b < 7; ++b) share.bytes()[b] = std::byte{0xFF};
  share.bytes()[7] = std::byte{0x1F};  // exactly p
  CHECK_FALSE(is_canonical(share));
  share.bytes()[0] = std::byte{0xFE};
  CHECK(is_canonical(share));
}
