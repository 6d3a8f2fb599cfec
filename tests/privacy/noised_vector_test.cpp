#include "privacy/noised_vector.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "core/parameter_math.h"
#include "privacy/accounting/log_space.h"
#include "privacy/rotation.h"
#include "privacy/secagg_config.h"

using namespace fennec;

namespace {

Sha256Digest sid_of(int i) { return sha256("session " + std::to_string(i)); }

std::vector<float> draw(std::uint64_t seed, std::size_t size, float sd) {
  std::vector<float> x(size);
  fill_normal(Seed(seed).child("x"), x, sd);
  return x;
}

std::vector<float> of_norm(std::uint64_t seed, std::size_t size, double norm) {
  std::vector<float> x = draw(seed, size, 1);
  scale(static_cast<float>(norm / l2_norm(x)), x);
  return x;
}

std::int64_t as_signed(std::uint32_t element) { return std::bit_cast<std::int32_t>(element); }

/// The values of a coded vector without its checksums, which are zero.
std::vector<std::int64_t> values_of(const std::vector<std::uint32_t>& ring, const RingCoding& coding) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < coding.values; ++i) out.push_back(as_signed(ring[ring_place(i)]));
  return out;
}

NoiseShare share_of(double z, std::size_t values, std::uint32_t members, std::uint32_t noisy) {
  const auto share = noise_share({0.5, z, values, members, noisy});
  REQUIRE(share);
  return *share;
}

}  // namespace

TEST_CASE("rotation: the matrix, element by element") {
  constexpr std::size_t kSize = 16;
  const Sha256Digest sid = sid_of(1);
  // Column k, from a unit vector: ±(−1)^popcount(i & k)/4, with the sign of coordinate k.
  int negative = 0;
  for (std::size_t k = 0; k < kSize; ++k) {
    std::vector<float> unit(kSize);
    unit[k] = 1;
    const std::vector<float> column = rotate(unit, sid);
    const float sign = column[0] > 0 ? 1.0F : -1.0F;
    negative += sign < 0;
    for (std::size_t i = 0; i < kSize; ++i)
      CHECK(column[i] == sign * (std::popcount(i & k) % 2 == 0 ? 0.25F : -0.25F));
  }
  CHECK(negative > 0);
  CHECK(negative < 16);
}

TEST_CASE("rotation: it keeps norms, pads, and comes back; other sessions have other signs") {
  for (const std::size_t size : {1UL, 5UL, 64UL, 5000UL, 70000UL}) {
    CAPTURE(size);
    const std::vector<float> x = draw(size, size, 0.1F);
    std::vector<float> y = rotate(x, sid_of(2));
    CHECK(y.size() == std::bit_ceil(size));
    CHECK(l2_norm(y) == doctest::Approx(l2_norm(x)).epsilon(1e-5));
    if (size > 64) CHECK(rotate(x, sid_of(3)) != y);
    unrotate(y, sid_of(2));
    for (std::size_t i = 0; i < y.size(); ++i) {
      const float expected = i < size ? x[i] : 0;
      REQUIRE(std::abs(y[i] - expected) < 1e-5F);
    }
  }
  // One large value is spread over all coordinates.
  std::vector<float> spike(4096);
  spike[17] = 1;
  for (const float value : rotate(spike, sid_of(4))) REQUIRE(std::abs(value) == 1.0F / 64);
}

TEST_CASE("conditional rounding: never beyond the bound, unbiased but for it, and drawn again") {
  MaskStream random(MaskSuite::kAes256Ctr, SecretKey());
  const std::vector<float> y(64, 0.3F), half(64, 0.5F);
  std::vector<std::uint32_t> q(64);
  REQUIRE(round_conditionally(half, 6, 64 * 9, random, q));  // 3 exactly: nothing to round
  for (const std::uint32_t value : q) CHECK(as_signed(value) == 3);
  // Half up, half down: Σq² is 64·(9 + 16)/2 = 800 on average; a tight bound needs several draws.
  for (int i = 0; i < 200; ++i) {
    REQUIRE(round_conditionally(half, 7, 790, random, q));
    std::int64_t squares = 0;
    for (const std::uint32_t value : q) squares += as_signed(value) * as_signed(value);
    CHECK(squares <= 790);
  }
  CHECK_FALSE(round_conditionally(half, 7, 64 * 9 - 1, random, q));  // impossible
  for (const std::uint32_t value : q) CHECK(value == 0);
  double sum = 0;
  for (int i = 0; i < 500; ++i) {
    REQUIRE(round_conditionally(y, 5.5, Uint128{1} << 40, random, q));
    for (const std::uint32_t value : q) sum += static_cast<double>(as_signed(value));
  }
  CHECK(sum / (500 * 64) == doctest::Approx(1.65).epsilon(0.01));
  std::vector<float> wild(64, 0.1F);
  wild[3] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(round_conditionally(wild, 5.5, Uint128{1} << 40, random, q));
}

TEST_CASE("noised vectors: the mean comes out with the noise of all who are in it") {
  constexpr std::size_t kValues = 20000;
  constexpr std::uint32_t kClients = 10, kNoisy = 6;
  const NoiseShare share = share_of(1, kValues, kClients, kNoisy);
  SeededEntropy entropy(Seed(5));
  std::vector<std::uint32_t> sum(share.coding.length());
  std::vector<double> expected(kValues);
  for (std::uint64_t u = 0; u < kClients; ++u) {
    const std::vector<float> delta = of_norm(u, kValues, u == 3 ? 2 : 0.4);  // one ignores the clip
    const auto coded = code_noised(delta, share, sid_of(1), entropy);
    REQUIRE(coded);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += (*coded)[i];
    for (std::size_t i = 0; i < kValues; ++i)
      expected[i] += static_cast<double>(delta[i]) * (u == 3 ? 0.25 : 1);
  }
  REQUIRE(check_sum(sum, share.coding, kClients));
  const VectorMean mean = decode_noised(sum, share.coding, sid_of(1), kValues, kClients);
  CHECK(mean.delta.size() == kValues);
  CHECK(std::isnan(mean.loss));
  double squares = 0, inner = 0, own = 0;
  for (std::size_t i = 0; i < kValues; ++i) {
    const double e = static_cast<double>(mean.delta[i]) - expected[i] / kClients;
    squares += e * e;
    inner += e * expected[i];
    own += expected[i] * expected[i];
  }
  // z·C/√noisy a device, √10 of them, over 10: 0.0645 a coordinate.
  const double stddev = std::sqrt(squares / kValues);
  CHECK(stddev == doctest::Approx(0.5 / std::sqrt(6.0) / std::sqrt(10.0)).epsilon(0.02));
  CHECK(std::abs(inner) / std::sqrt(squares * own) < 5 / std::sqrt(static_cast<double>(kValues)));
}

TEST_CASE("noised vectors: exactly the fewest survivors, the corrupt among them without noise") {
  // Ten were asked, seven survive, one of those adds nothing: the sum still has z·Δ₂.
  constexpr std::size_t kValues = 65536;
  SecAggConfig config;
  const std::uint32_t survivors = config.fewest_survivors(10), noisy = config.noisy_survivors(10);
  REQUIRE(survivors == 7);
  REQUIRE(noisy == 6);
  const NoiseShare share = share_of(3, kValues, 10, noisy);
  SeededEntropy entropy(Seed(6));
  const std::vector<float> nothing(kValues);
  std::vector<std::int64_t> sum(kValues);
  for (std::uint32_t u = 0; u < noisy; ++u) {
    const auto coded = code_noised(nothing, share, sid_of(1), entropy);
    REQUIRE(coded);
    const auto values = values_of(*coded, share.coding);
    for (std::size_t i = 0; i < kValues; ++i) sum[i] += values[i];
  }
  const double promised = 3 * share.noise.l2_sensitivity();
  double squares = 0, total = 0;
  std::map<int, double> counts;  // twenty cells of equal probability
  for (const std::int64_t value : sum) {
    const double z = static_cast<double>(value) / promised;
    total += z;
    squares += z * z;
    ++counts[std::min(19, static_cast<int>(20 * normal_cdf(z)))];
  }
  CHECK(std::sqrt(squares / kValues) == doctest::Approx(1).epsilon(0.01));
  CHECK(std::abs(total) / kValues < 5 / std::sqrt(static_cast<double>(kValues)));
  double chi_square = 0;
  constexpr double kCell = kValues / 20.0;
  for (int cell = 0; cell < 20; ++cell)
    chi_square += (counts[cell] - kCell) * (counts[cell] - kCell) / kCell;
  CHECK(chi_square < 19 + 5 * std::sqrt(2 * 19.0));
  CHECK(static_cast<double>(share.variance) * noisy >= promised * promised);
}

TEST_CASE("noised vectors: two codings of one delta share no noise, and no noise is bad input") {
  const NoiseShare share = share_of(1, 5000, 10, 6);
  SeededEntropy entropy(Seed(7));
  const std::vector<float> delta = of_norm(9, 5000, 0.5);
  const auto first = code_noised(delta, share, sid_of(1), entropy);
  const auto second = code_noised(delta, share, sid_of(1), entropy);
  REQUIRE(first);
  REQUIRE(second);
  const auto a = values_of(*first, share.coding), b = values_of(*second, share.coding);
  double squares = 0;  // of the difference: the delta is gone from it, both noises are there
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i] - b[i]);
    squares += difference * difference;
  }
  const double n = static_cast<double>(a.size()), variance = static_cast<double>(share.variance);
  CHECK(squares / n == doctest::Approx(2 * variance).epsilon(5 * std::sqrt(2 / n)));
  std::vector<float> wild = delta;
  wild[77] = std::numeric_limits<float>::infinity();
  CHECK(code_noised(wild, share, sid_of(1), entropy).error().code == ErrorCode::kNumeric);
  for (std::size_t i = 0; i < first->size(); ++i)  // checksums stay zero
    if (i % 4097 == 4096 || i + 1 == first->size()) CHECK((*first)[i] == 0);
}

TEST_CASE("noised vectors: a sum may wrap on its way") {
  const NoiseShare share = share_of(1, 100, 3, 3);
  SeededEntropy entropy(Seed(8));
  const std::vector<float> delta = of_norm(1, 100, 0.5);
  const auto coded = code_noised(delta, share, sid_of(1), entropy);
  REQUIRE(coded);
  std::vector<std::uint32_t> shifted = *coded, back = *coded;
  for (std::uint32_t& element : shifted) element += 0xF0000000U;
  for (std::size_t i = 0; i < back.size(); ++i) back[i] = shifted[i] + 0x10000000U;
  CHECK(back == *coded);
  CHECK_FALSE(check_sum(shifted, share.coding, 1));  // a mask that did not come off shows in the zeros
}
