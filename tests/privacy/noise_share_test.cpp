#include "privacy/noise_share.h"

#include <doctest/doctest.h>

#include <cmath>

#include "privacy/accountant.h"
#include "privacy/accounting/renyi.h"
#include "privacy/secagg_config.h"
#include "privacy/secagg_plan.h"

using namespace fennec;

namespace {

NoiseTarget target(double z, std::size_t values, std::uint32_t members, std::uint32_t noisy) {
  return {0.3, z, values, members, noisy};
}

SecAggPlan plan_of(int cohort) {
  SecAggPlan plan;
  plan.config.mode = "honest";
  plan.cohort_size = cohort;
  plan.values = 300;
  plan.layout_digest = std::string(64, 'a');
  plan.dp.mechanism = "distributed";
  plan.dp.clip_norm = 0.5;
  plan.dp.noise_multiplier = 2;
  return plan;
}

}  // namespace

TEST_CASE("noise share: the fewest noisy survivors make the noise that was promised, in every order") {
  for (const double z : {0.3, 1.0, 8.0, 60.0})
    for (const std::size_t values : {1UL, 300UL, 70000UL, 5000000UL})
      for (const std::uint32_t members : {3U, 10U, 100U, 1000U}) {
        CAPTURE(z);
        CAPTURE(values);
        CAPTURE(members);
        const std::uint32_t noisy = members < 10 ? 2 : members * 6 / 10;
        const auto share = noise_share(target(z, values, members, noisy));
        REQUIRE(share);
        // By hand, and nothing of the accountant: the variance of the sum over the square of the
        // sensitivity, which is the scaled clip norm and half a point a coordinate, about.
        const double d = static_cast<double>(share->coding.values);
        const double reach = share->noise.scale * 0.3;
        const double most = reach * reach + d / 4 + (reach + std::sqrt(d) / 2);
        const double sensitivity = std::min(most, (reach + std::sqrt(d)) * (reach + std::sqrt(d)));
        CHECK(static_cast<double>(share->variance) * noisy >= z * z * sensitivity);
        CHECK(static_cast<double>(share->variance) * noisy < z * z * sensitivity * 1.01 + noisy);
        CHECK(share->multiplier >= z);
        for (const double order : default_rdp_orders())
          CHECK(distributed_discrete_gaussian_rdp(share->noise, order) <= order / (2 * z * z));
      }
}

TEST_CASE("noise share: the grid is fine, and a sum has room in 32 bits") {
  for (const double z : {0.01, 1.0, 30.0})
    for (const std::uint32_t members : {3U, 100U, 5000U}) {
      CAPTURE(z);
      CAPTURE(members);
      const auto share = noise_share(target(z, 100000, members, (members + 1) / 2));
      REQUIRE(share);
      CHECK(share->coding.values == 131072);
      const double n = members, d = 131072, local = std::sqrt(static_cast<double>(share->variance));
      CHECK(local >= 4);
      CHECK(local <= 1.01 * (1 << 20));
      const double spread =
          std::sqrt(share->noise.scale * share->noise.scale * 0.09 * n * n / d + n * local * local);
      CHECK(7.9 * spread < 2147483648.0);
      const double points = std::min(local, share->noise.scale * 0.3);
      CHECK(points > 1000);  // neither noise nor delta is lost in the rounding
    }
  CHECK_FALSE(noise_share(target(1e6, 1 << 24, 10, 6)));  // more noise than the sampler draws
  CHECK_FALSE(noise_share(target(1, 10, 10, 0)));
}

TEST_CASE("noise share: in one number, a release never costs less than by the three bounds") {
  // Coarse grids, where τ counts: rows of the reference vectors and around them.
  for (const double local : {0.3, 0.5, 0.8, 1.0, 2.0})
    for (const std::int64_t clients : {2, 100})
      for (const std::int64_t d : {16, 1000, 1 << 20}) {
        const DistributedNoise noise{1, 100, d, std::exp(-0.5), local, clients};
        const double z = distributed_discrete_gaussian_multiplier(noise);
        const double plain = local * std::sqrt(static_cast<double>(clients)) / noise.l2_sensitivity();
        CHECK(z <= plain * (1 + 1e-12));
        for (const double order : default_rdp_orders())
          CHECK(order / (2 * z * z) >= distributed_discrete_gaussian_rdp(noise, order) * (1 - 1e-12));
      }
  const DistributedNoise fine{1, 4096, 1 << 20, std::exp(-0.5), 4096, 500};
  const double z = distributed_discrete_gaussian_multiplier(fine);
  // The row of the reference table: 200 releases at δ = 1e-6, orders 2 … 256.
  const double epsilon = epsilon_bound(Accounting::kRdp, {{1, z, 200}}, 1e-6).epsilon;
  CHECK(epsilon == doctest::Approx(3.163122097).epsilon(2e-3));
  CHECK(epsilon <= 3.163122097 * (1 + 1e-7));
}

TEST_CASE("noise share: who survives and is not corrupt") {
  SecAggConfig config;
  config.corrupt = 0.1;
  config.dropouts = 0.3;
  CHECK(config.noisy_survivors(10) == 6);  // 7 survive, one may add nothing
  CHECK(config.noisy_survivors(100) == 60);
  CHECK(config.noisy_survivors(3) == 3);
  config.survivors = 90;
  CHECK(config.noisy_survivors(100) == 80);
  config.survivors = 0;
  config.groups = 4;  // of 25
  CHECK(config.noisy_survivors(100) == 18 - 2);
  config.corrupt = 0.95;
  CHECK(config.noisy_survivors(100) == 0);
}

TEST_CASE(
    "session plans with noise: both sides derive the same, and another noise is another session") {
  const SecAggPlan plan = plan_of(10);
  const auto params = session_params(plan, 10);
  REQUIRE(params);
  CHECK(check_params(*params));
  CHECK(params->coding.is_whole_ring());
  CHECK(params->coding.values == 512);
  const SecAggPolicy policy = session_policy(plan, Sha256Digest{});
  CHECK(policy.privacy == params->privacy);
  CHECK(policy.coding.clip == params->coding.clip);
  CHECK(policy.layout == params->layout);
  for (auto change :
       {+[](SecAggPlan& p) { p.dp.noise_multiplier = 1.9; },
        +[](SecAggPlan& p) { p.dp.clip_norm = 0.6; }, +[](SecAggPlan& p) { p.config.survivors = 8; },
        +[](SecAggPlan& p) { p.config.corrupt = 0.2; }}) {
    SecAggPlan other = plan;
    change(other);
    const auto theirs = session_params(other, 10);
    REQUIRE(theirs);
    CHECK(theirs->privacy != params->privacy);
  }
  SecAggParams bare = *params;
  bare.privacy = {};
  CHECK_FALSE(check_params(bare));  // 32 bits without noise could wrap
  SecAggParams narrow = *params;
  narrow.coding.value_bits = 20;
  CHECK_FALSE(check_params(narrow));
  ByteWriter text;
  write(text, *params);
  ByteReader reader(text.bytes());
  const SecAggParams read = read_params(reader);
  CHECK(reader.finished());
  CHECK(read.coding.is_whole_ring());
  SecAggPlan hopeless = plan;
  hopeless.config.corrupt = 0.7;
  CHECK(session_problem(hopeless).find("nobody's noise counts") != std::string::npos);
}
