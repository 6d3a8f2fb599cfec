#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/secagg_world.h"

using namespace fennec;
using fennec::test::SecAggOptions;
using fennec::test::SecAggWorld;

namespace {

constexpr SecAggStep kSteps[] = {SecAggStep::kAdvertise, SecAggStep::kShares, SecAggStep::kMasked,
                                 SecAggStep::kUnmask};

/// `count` clients, spread over the cohort by the seed, die before they send `step`.
void let_die(SecAggWorld& world, std::uint32_t count, SecAggStep step, std::uint64_t seed) {
  std::vector<std::uint32_t> order = world.uids;
  RandomStream(Seed(seed).child("deaths")).shuffle(order);
  for (std::uint32_t i = 0; i < count; ++i) world.dies_at[order[i]] = step;
}

/// Whether a session of n with `dead` gone at `step` must end with a sum.
bool survives(const SecAggParams& p, std::uint32_t dead, SecAggStep step) {
  const std::uint32_t left = p.cohort - dead;
  if (step == SecAggStep::kUnmask) return left >= p.threshold + 1;
  return left >= p.survivors && left >= p.threshold + 1;
}

void check_session(const SecAggOptions& options, std::uint32_t dead, SecAggStep step) {
  CAPTURE(options.clients);
  CAPTURE(options.seed);
  CAPTURE(dead);
  CAPTURE(std::string(to_string(step)));
  SecAggWorld world(options);
  let_die(world, dead, step, options.seed);
  world.run();
  REQUIRE(world.server->is_over());
  if (survives(world.server->params(), dead, step)) {
    CHECK_MESSAGE(world.has_exact_sum(), (world.failure ? world.failure->why : "no failure"));
    const bool counted = step == SecAggStep::kUnmask;
    CHECK(world.server->survivors().size() == options.clients - (counted ? 0 : dead));
  } else {
    CHECK_FALSE(world.server->is_finished());
    REQUIRE(world.failure);
    CHECK(world.failure->reason ==
          (step == SecAggStep::kUnmask ? SecAggAbort::kReconstruct : SecAggAbort::kTooFew));
  }
}

void check_all_dropouts(SecAggOptions options) {
  const auto limit = static_cast<std::uint32_t>(options.dropouts * options.clients + 1e-9);
  for (const SecAggStep step : kSteps)
    for (const std::uint32_t dead : {0u, limit, limit + 1}) check_session(options, dead, step);
}

}  // namespace

TEST_CASE("the masks cancel: the sum over everyone is exact, the checksums are 0") {
  for (const std::uint32_t n : {3u, 5u, 10u})
    for (const MaskSuite suite : {MaskSuite::kAes256Ctr, MaskSuite::kChaCha20}) {
      SecAggOptions options;
      options.clients = n;
      options.suite = suite;
      options.values = 9000;
      SecAggWorld world(options);
      world.run();
      REQUIRE(world.has_exact_sum());
      CHECK(world.faults.empty());
      CHECK(world.server->survivors() == world.uids);
      CHECK((world.server->sum()[4096] == 0 && world.server->sum()[8193] == 0));
      CHECK(world.aborts.empty());
      for (const auto& [uid, client] : world.clients) {
        CHECK(client->is_spent());
        CHECK(client->memory() == SecAggMemory{12, 4});
        // what the server got is not what the client has
        const auto& masked = world.sent_up.at(uid).at(SecAggStep::kMasked);
        const auto plain = std::as_bytes(std::span(world.vectors.at(uid)));
        CHECK(std::search(masked.begin(), masked.end(), plain.begin(), plain.begin() + 16) ==
              masked.end());
      }
    }
}

TEST_CASE("dropouts at every step: exact while enough are left, else no output (n = 3)") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    SecAggOptions options;
    options.clients = 3;
    options.seed = seed;
    options.noisy = seed % 2 == 1;
    check_all_dropouts(options);
  }
}

TEST_CASE("dropouts at every step: exact while enough are left, else no output (n = 10)") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    SecAggOptions options;
    options.clients = 10;
    options.seed = seed;
    options.noisy = seed % 2 == 1;
    options.mode = seed % 4 < 2 ? SecAggMode::kHonestButCurious : SecAggMode::kActive;
    check_all_dropouts(options);
  }
}

TEST_CASE("dropouts of a cohort of 100 before the masked vectors") {
  SecAggOptions options;
  options.clients = 100;
  options.noisy = true;
  check_session(options, 30, SecAggStep::kMasked);
}

TEST_CASE("one too many of a cohort of 100") {
  SecAggOptions options;
  options.clients = 100;
  check_session(options, 31, SecAggStep::kAdvertise);
  check_session(options, 31, SecAggStep::kShares);
}

TEST_CASE("a sparse graph: 140 clients, dropouts at every step") {
  SecAggOptions options;
  options.clients = 140;
  options.dropouts = 0.1;
  SecAggWorld world(options);
  REQUIRE(world.server->params().degree < 40);
  std::size_t i = 0;
  for (const std::uint32_t uid : world.uids) {
    if (++i % 12 != 0) continue;
    world.dies_at[uid] = kSteps[(i / 12) % 4];
  }
  world.run();
  CHECK_MESSAGE(world.has_exact_sum(), (world.failure ? world.failure->why : ""));
  CHECK(world.server->survivors().size() > 126);
}

TEST_CASE("consents that stay away: one set of survivors or none") {
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    for (const std::uint32_t dead : {0u, 3u, 4u, 5u}) {
      SecAggOptions options;
      options.clients = 10;
      options.seed = seed;
      options.mode = SecAggMode::kActive;
      SecAggWorld world(options);
      let_die(world, dead, SecAggStep::kConsent, seed);
      world.run();
      CHECK(world.has_exact_sum() == (dead <= 3));
      if (dead == 4) CHECK(world.failure->reason == SecAggAbort::kReconstruct);
      if (dead == 5) CHECK(world.failure->reason == SecAggAbort::kConsistency);
    }
}

TEST_CASE("a lossy network: whatever is lost, the sum is exact or there is none") {
  int finished = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    SecAggOptions options;
    options.clients = 8;
    options.seed = seed;
    options.noisy = true;
    options.mode = seed % 2 == 0 ? SecAggMode::kHonestButCurious : SecAggMode::kActive;
    SecAggWorld world(options);
    RandomStream random(Seed(seed).child("losses"));
    const auto lossy = [&](std::uint32_t, SecAggStep, std::vector<std::byte>& frame) {
      if (random.uniform() < 0.02) frame[random.below(frame.size())] ^= std::byte{4};
      return random.uniform() >= 0.04;
    };
    world.to_client = world.to_server = lossy;
    world.run();
    REQUIRE(world.server->is_over());
    CHECK(world.server->is_finished() == world.has_exact_sum());
    CHECK(world.server->is_finished() != world.failure.has_value());
    finished += world.server->is_finished();
  }
  CHECK(finished > 10);
}

TEST_CASE("a client that reconnects is given what it missed") {
  SecAggOptions options;
  options.clients = 5;
  SecAggWorld world(options);
  const std::uint32_t late = world.uids[2];
  bool lost = false;
  world.to_client = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>&) {
    if (uid != late || step != SecAggStep::kCohort || lost) return true;
    lost = true;
    return false;
  };
  world.to_server = [&](std::uint32_t, SecAggStep step, std::vector<std::byte>&) {
    if (step == SecAggStep::kShares && lost) {
      lost = false;
      const auto again = world.server->last_frame(late);
      REQUIRE(again);
      CHECK_FALSE(world.tell(late, *again).ignored);
      CHECK(world.tell(late, *again).frame == world.sent_up.at(late).at(SecAggStep::kShares));
    }
    return true;
  };
  world.run();
  CHECK(world.has_exact_sum());
  CHECK(world.server->survivors().size() == 5);
}

TEST_CASE("a cohort of 500 on a sparse graph") {
  SecAggOptions options;
  options.clients = 500;
  options.dropouts = 0.1;
  options.values = 1000;
  check_session(options, 50, SecAggStep::kMasked);
}
