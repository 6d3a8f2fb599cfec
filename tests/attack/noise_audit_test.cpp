// Noise as it is released: its width, its shape, and that rounds have nothing in common.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "coordinator/noise_keys.h"
#include "coordinator/private_mean.h"
#include "core/files.h"
#include "privacy/accounting/log_space.h"
#include "tests/support/temp_dir.h"

using namespace fennec;

namespace {

constexpr std::int64_t kSize = 100000;

/// A round to which nobody contributed, over a divisor of 1.
std::vector<float> released(const NoiseKeys& keys, std::int64_t round,
                            const std::string& contributors) {
  DpConfig config;
  config.mechanism = "central";
  config.clip_norm = 0.5;
  config.noise_multiplier = 3;
  PrivateMean mean(config, 1, config.clip_norm, keys.noise(RoundId{round}, contributors));
  const ParameterSet base(std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {kSize}}}));
  mean.begin(base, RoundId{round});
  const Result<ParameterSet> noised = mean.finish();
  const ParameterSet& out = noised.value();
  return {out.values().begin(), out.values().end()};
}

double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

TEST_CASE("noise audit: a hundred thousand noised zeros under a run's keys") {
  const test::TempDir dir;
  const NoiseKeys keys(dir.path());
  std::array<std::byte, 32> fixed{};  // so that this test is the same every day
  for (std::size_t i = 0; i < fixed.size(); ++i) fixed[i] = static_cast<std::byte>(i);
  write_file_atomically(dir / "noise-0001.key", fixed, 0600);
  fixed[0] = std::byte{77};
  write_file_atomically(dir / "noise-0002.key", fixed, 0600);
  const std::vector<float> first = released(keys, 1, "a"), second = released(keys, 2, "a"),
                           others = released(keys, 1, "b");
  CHECK(released(keys, 1, "a") == first);
  const double bound = 5 / std::sqrt(static_cast<double>(kSize));
  CHECK(std::abs(correlation(first, second)) < bound);
  CHECK(std::abs(correlation(first, others)) < bound);

  constexpr double kStddev = 3 * 0.5;
  double sum = 0, squares = 0;
  std::map<int, double> counts;  // twenty cells of equal probability
  for (const float value : first) {
    const double z = static_cast<double>(value) / kStddev;
    sum += z;
    squares += z * z;
    ++counts[std::min(19, static_cast<int>(20 * normal_cdf(z)))];
  }
  CHECK(std::abs(sum / kSize) < bound);
  CHECK(std::sqrt(squares / kSize) == doctest::Approx(1).epsilon(0.01));
  double chi_square = 0;
  for (int cell = 0; cell < 20; ++cell)
    chi_square += (counts[cell] - kSize / 20) * (counts[cell] - kSize / 20) / (kSize / 20.0);
  CHECK(chi_square < 19 + 5 * std::sqrt(2 * 19.0));
}

TEST_CASE("noise audit: whoever drops out, the noise is all there") {
  // The coordinator adds it, once, whatever came: the fewest survivors are none at all (above).
  const test::TempDir dir;
  const NoiseKeys keys(dir.path());
  const std::vector<float> noise = released(keys, 1, "");
  double squares = 0;
  for (const float value : noise) squares += static_cast<double>(value) * static_cast<double>(value);
  CHECK(std::sqrt(squares / kSize) > 0.98 * 3 * 0.5);
}
