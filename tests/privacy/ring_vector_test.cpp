#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/rng.h"
#include "privacy/entropy.h"
#include "privacy/mask_stream.h"
#include "privacy/ring_vector.h"

using namespace fennec;

namespace {

std::vector<float> values(std::size_t n, std::uint64_t seed, float sd = 0.5F) {
  std::vector<float> x(n);
  fill_normal(Seed(seed), x, sd);
  return x;
}

std::vector<std::uint32_t> coded(const std::vector<float>& x, const RingCoding& coding,
                                 double weight = 1) {
  SystemEntropy entropy;
  std::vector<std::uint32_t> out(coding.length());
  REQUIRE(quantize(x, weight, coding, entropy.key(), out));
  return out;
}

std::int32_t as_signed(std::uint32_t word) { return static_cast<std::int32_t>(word); }

}  // namespace

TEST_CASE("quantisation equals the rule written out, value by value, checksums in between") {
  const RingCoding coding{10000, false, 20, 1.0};
  const std::vector<float> x = values(10000, 1);
  SystemEntropy entropy;
  const SecretKey seed = entropy.key();
  std::vector<std::uint32_t> out(coding.length());
  const auto report = quantize(x, 1, coding, seed, out);
  REQUIRE(report);
  CHECK(coding.length() == 10003);
  std::vector<std::uint32_t> random(4096 * 3);
  MaskStream(MaskSuite::kAes256Ctr, seed).expand(random);
  std::int64_t clipped = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    clipped += std::fabs(x[i]) > 1;
    const double c = std::min(std::max(static_cast<double>(x[i]), -1.0), 1.0) * 524287.0;
    const double up = (c - std::floor(c)) * 16777216.0 > (random[i] >> 8) ? 1 : 0;
    REQUIRE(as_signed(out[i + i / 4096]) == static_cast<std::int32_t>(std::floor(c) + up));
  }
  CHECK(report->clipped == clipped);
  CHECK(clipped > 0);
  CHECK((out[4096] == 0 && out[8193] == 0 && out[10002] == 0));
}

TEST_CASE("rounding is unbiased: the mean over many draws is the value, to five standard errors") {
  const RingCoding coding{4096, false, 16, 1.0};
  const std::vector<float> x(4096, 0.123456F);
  double sum = 0;
  constexpr int kDraws = 50;
  for (int i = 0; i < kDraws; ++i) {
    SeededEntropy entropy(Seed(7).child("draw", static_cast<std::uint64_t>(i)));
    std::vector<std::uint32_t> out(coding.length());
    REQUIRE(quantize(x, 1, coding, entropy.key(), out));
    for (std::size_t j = 0; j < x.size(); ++j) sum += as_signed(out[j]);
  }
  const double n = kDraws * 4096.0, exact = static_cast<double>(0.123456F) * 32767.0;
  const double part = exact - std::floor(exact);
  CHECK(std::fabs(sum / n - exact) < 5 * std::sqrt(part * (1 - part) / n));
}

TEST_CASE("weighted sums decode to the weighted mean") {
  const RingCoding coding{5000, true, 25, 2.0};
  const std::vector<double> weights = {1.0, 0.25, 0.5};
  std::vector<std::uint32_t> sum(coding.length());
  std::vector<double> expected(5000);
  for (std::size_t u = 0; u < weights.size(); ++u) {
    const std::vector<float> x = values(5000, 10 + u, 0.3F);
    const auto q = coded(x, coding, weights[u]);
    for (std::size_t i = 0; i < q.size(); ++i) sum[i] += q[i];
    for (std::size_t i = 0; i < x.size(); ++i) expected[i] += weights[u] * static_cast<double>(x[i]);
  }
  REQUIRE(check_sum(sum, coding, 3));
  const double weight = decode_weight(sum, coding, 3);
  CHECK(weight == doctest::Approx(1.75).epsilon(1e-6));
  std::vector<float> mean(5000);
  decode_mean(sum, coding, weight, mean);
  for (std::size_t i = 0; i < mean.size(); ++i)
    CHECK(std::fabs(static_cast<double>(mean[i]) - expected[i] / 1.75) < 4 / coding.scale());
}

TEST_CASE("no cohort at the limit wraps: everyone at +c or at -c decodes exactly") {
  for (const std::uint32_t cohort : {3u, 16u, 17u, 100u, 1000u}) {
    CAPTURE(cohort);
    const RingCoding coding{10, false, largest_value_bits(cohort), 0.1};
    REQUIRE(check_no_overflow(coding, cohort));
    for (const float sign : {1.0F, -1.0F}) {
      const std::vector<float> x(10, sign * 1e30F);
      const auto q = coded(x, coding);
      std::vector<std::uint32_t> sum(coding.length());
      for (std::uint32_t u = 0; u < cohort; ++u)
        for (std::size_t i = 0; i < q.size(); ++i) sum[i] += q[i];
      REQUIRE(check_sum(sum, coding, cohort));
      CHECK(as_signed(sum[0]) == static_cast<std::int64_t>(sign) * coding.limit() * cohort);
      std::vector<float> mean(10);
      decode_mean(sum, coding, cohort, mean);
      CHECK(mean[3] == doctest::Approx(sign * 0.1F));
    }
  }
  CHECK(largest_value_bits(16) == 28);
  CHECK(largest_value_bits(128) == 25);
  CHECK(largest_value_bits(1000) == 22);
  CHECK(largest_value_bits(5000) == 19);
}

TEST_CASE("a coding whose sums could wrap is refused") {
  CHECK_FALSE(check_no_overflow({10, false, 26, 1}, 128));
  CHECK(check_no_overflow({10, false, 25, 1}, 128));
  CHECK_FALSE(check_no_overflow({10, false, 1, 1}, 3));
  CHECK_FALSE(check_no_overflow({10, false, 20, 0}, 3));
  CHECK_FALSE(check_no_overflow({0, false, 20, 1}, 3));
}

TEST_CASE("NaN and infinities are refused wherever they stand, and nothing is left in the output") {
  const RingCoding coding{4100, false, 20, 1.0};
  SystemEntropy entropy;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()})
    for (const std::size_t at : {0u, 3u, 4095u, 4096u, 4099u}) {
      std::vector<float> x = values(4100, 3);
      x[at] = bad;
      std::vector<std::uint32_t> out(coding.length(), 9);
      const auto refused = quantize(x, 1, coding, entropy.key(), out);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == ErrorCode::kNumeric);
      CHECK(out == std::vector<std::uint32_t>(coding.length()));
    }
  // denormals and huge finite values are ordinary
  const auto fine =
      coded({std::numeric_limits<float>::denorm_min(), 1e38F, -1e38F, 0.0F}, {4, false, 20, 1.0});
  CHECK(as_signed(fine[1]) == 524287);
  CHECK(as_signed(fine[2]) == -524287);
  CHECK(fine[3] == 0);
}

TEST_CASE("a mask that did not cancel is seen") {
  const RingCoding coding{10000, false, 20, 1.0};
  std::vector<std::uint32_t> sum = coded(values(10000, 4), coding);
  REQUIRE(check_sum(sum, coding, 1));
  SystemEntropy entropy;
  auto wrong = sum;
  MaskStream(MaskSuite::kAes256Ctr, entropy.key()).add_to(wrong);
  CHECK_FALSE(check_sum(wrong, coding, 1));
  wrong = sum;
  wrong[4096] = 1;  // a checksum
  CHECK_FALSE(check_sum(wrong, coding, 1));
  wrong = sum;
  wrong[0] = 1u << 20;  // beyond one client's range
  CHECK_FALSE(check_sum(wrong, coding, 1));
  CHECK(check_sum(wrong, coding, 3));
}
