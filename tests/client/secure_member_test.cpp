#include "client/secure_member.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>

#include "privacy/accountant.h"
#include "privacy/noised_vector.h"
#include "privacy/secagg_server.h"

using namespace fennec;

namespace {

LayoutPtr layout() {
  return std::make_shared<const ParameterLayout>(
      std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"x", {30}}});
}

RoundPlan plan_with(std::uint64_t seed) {
  RoundPlan plan;
  plan.round = RoundId{1};
  plan.seed = seed;
  return plan;
}

TrainedVector trained(std::uint64_t seed, float value = 0.25F) {
  TrainedVector vector{RoundId{1}, seed, "", ParameterSet(layout()), 10, 1.5};
  std::fill(vector.delta.values().begin(), vector.delta.values().end(), value);
  return vector;
}

/// Three devices, and the server's side of their session.
struct World {
  World() {
    experiment.rounds.cohort_size = 3;
    experiment.privacy.clip_norm = 0.5;
    experiment.privacy.secagg.mode = "honest";
    SeededEntropy keys(Seed(1));
    signing = SigningKey::generate(keys);
    authority = SigningKey::generate(keys);
    Roster roster;
    roster.epoch = 5;
    for (std::uint32_t uid = 1; uid <= 3; ++uid) {
      RosterEntry entry;
      entry.uid = uid;
      signers[uid] = SigningKey::generate(keys);
      entry.signing_key = signers[uid].public_key();
      keys.fill(entry.curve_key);
      entry.not_after = 1000;
      roster.entries.push_back(entry);
      join(uid, {});
    }
    signed_roster = sign_roster(roster, authority);
  }
  void join(std::uint32_t uid, const SecureMemory& memory) {
    entropies[uid] = std::make_unique<SeededEntropy>(Seed(2).child("member", uid));
    members[uid] = std::make_unique<SecureMember>(
        SecAggIdentity{uid, signers.at(uid).clone(), signing.public_key(), authority.public_key()},
        experiment, layout(), "base", memory, *entropies[uid], [] { return std::int64_t{0}; });
  }
  void open(std::uint64_t number) {
    make(number);
    run(server->open());
  }
  void make(std::uint64_t number) {
    SecAggPlan plan{experiment.privacy.secagg, 3, 0.5, layout()->size(), layout()->digest(),
                    experiment.privacy.dp};
    auto params = session_params(plan, 3);
    REQUIRE(params);
    auto made = SecAggServer::create(
        {std::move(*params), signed_roster, {1, 2, 3}, number, session_model("base", "")},
        signing.clone(), authority.public_key(), nonces);
    REQUIRE(made);
    server = std::move(*made);
  }
  void run(std::vector<SecAggOutgoing> frames) {
    std::deque<SecAggOutgoing> queue(std::make_move_iterator(frames.begin()),
                                     std::make_move_iterator(frames.end()));
    while (!queue.empty()) {
      const SecAggOutgoing next = std::move(queue.front());
      queue.pop_front();
      SecureAnswer answer = members.at(next.uid)->handle(next.frame);
      for (const auto& frame : answer.frames)
        for (SecAggOutgoing& out : server->handle(next.uid, frame).send)
          queue.push_back(std::move(out));
      answers[next.uid].push_back(std::move(answer));
    }
  }
  bool any(std::uint32_t uid, const std::function<bool(const SecureAnswer&)>& is) const {
    const auto& all = answers.at(uid);
    return std::any_of(all.begin(), all.end(), is);
  }

  Experiment experiment;
  SigningKey signing, authority;
  std::map<std::uint32_t, SigningKey> signers;
  std::map<std::uint32_t, std::unique_ptr<SeededEntropy>> entropies;
  std::map<std::uint32_t, std::unique_ptr<SecureMember>> members;
  std::vector<std::byte> signed_roster;
  SeededEntropy nonces{Seed(3)};
  std::unique_ptr<SecAggServer> server;
  std::map<std::uint32_t, std::vector<SecureAnswer>> answers;
};

void make_noised(World& world) {
  world.experiment.privacy.clip_norm = 0;
  DpConfig& dp = world.experiment.privacy.dp;
  dp.mechanism = "distributed";
  dp.clip_norm = 2;
  dp.noise_multiplier = 5;
  dp.delta = 1e-5;
}

}  // namespace

TEST_CASE("secure member: an update goes into one session, and its plan is remembered") {
  World world;
  for (auto& [uid, member] : world.members) member->hold(trained(40 + uid));
  world.open(7);
  REQUIRE(world.server->is_finished());
  for (auto& [uid, member] : world.members) {
    CHECK_FALSE(member->holds());
    CHECK(member->is_spent(plan_with(40 + uid)));
    CHECK_FALSE(member->is_spent(plan_with(99)));
    CHECK(member->memory().sessions.last_round == 7);
    CHECK(member->memory().sessions.roster_epoch == 5);
    CHECK(world.any(uid, [](const SecureAnswer& a) { return a.remember.has_value(); }));
    CHECK(world.any(uid, [](const SecureAnswer& a) { return a.spent; }));
  }
  world.answers.clear();
  world.open(8);  // nobody has anything to give
  for (auto& [uid, member] : world.members)
    CHECK(world.any(uid, [](const SecureAnswer& a) { return a.frames.empty() && !a.reason.empty(); }));
}

TEST_CASE("secure member: what it remembers outlives it") {
  World world;
  for (auto& [uid, member] : world.members) member->hold(trained(40 + uid));
  world.open(7);
  const SecureMemory memory = world.members.at(1)->memory();
  world.join(1, memory);
  CHECK(world.members.at(1)->is_spent(plan_with(41)));
  for (auto& [uid, member] : world.members) member->hold(trained(50 + uid));
  world.answers.clear();
  world.open(7);  // the same number again: refused by all
  for (std::uint32_t uid = 1; uid <= 3; ++uid)
    CHECK(world.any(uid, [](const SecureAnswer& a) { return a.abort == SecAggAbort::kPolicy; }));
  CHECK_FALSE(world.server->is_finished());
}

TEST_CASE("secure member: clipping is told, what is not finite never leaves") {
  World world;
  world.members.at(1)->hold(trained(1, 0.75F));  // beyond 0.5
  world.members.at(2)->hold(trained(2));
  world.members.at(3)->hold(trained(3, std::numeric_limits<float>::quiet_NaN()));
  world.open(7);
  CHECK(world.any(1, [](const SecureAnswer& a) { return a.clipped == 30; }));
  CHECK(world.any(2, [](const SecureAnswer& a) { return a.clipped == 0; }));
  CHECK(world.any(3, [](const SecureAnswer& a) { return a.abort == SecAggAbort::kNonFinite; }));
  CHECK_FALSE(world.members.at(3)->holds());
  CHECK_FALSE(world.server->is_finished());
}

TEST_CASE("secure member: noised, and no part in more sums than its own budget allows") {
  World world;
  make_noised(world);
  world.experiment.privacy.dp.epsilon =
      epsilon_bound(Accounting::kRdp, {{1, 5, 2}}, 1e-5).epsilon + 1e-6;
  std::vector<std::vector<std::uint32_t>> sums;
  for (std::uint64_t session = 7; session <= 8; ++session) {
    for (auto& [uid, member] : world.members) member->hold(trained(10 * session + uid));
    world.open(session);
    REQUIRE(world.server->is_finished());
    sums.emplace_back(world.server->sum().begin(), world.server->sum().end());
    const VectorMean mean = decode_noised(sums.back(), world.server->params().coding,
                                          world.server->sid(), layout()->size(), 3);
    double squares = 0;  // noise of z·C/√3 a device, three of them over 3: 3.33 a value
    for (const float value : mean.delta)
      squares += std::pow((static_cast<double>(value) - 0.25) / (10.0 / 3), 2);
    CHECK(squares / 30 == doctest::Approx(1).epsilon(5 * std::sqrt(2.0 / 30)));
  }
  CHECK(sums[0] != sums[1]);
  CHECK(world.members.at(2)->memory().releases == 2);
  const SecureMemory memory = world.members.at(1)->memory();
  world.join(1, memory);  // a restart does not make it forget
  for (auto& [uid, member] : world.members) member->hold(trained(90 + uid));
  world.answers.clear();
  world.open(9);  // a coordinator that asks for more than was agreed
  for (std::uint32_t uid = 1; uid <= 3; ++uid) {
    CHECK(world.any(uid, [](const SecureAnswer& a) {
      return a.abort == SecAggAbort::kPolicy && a.frames.empty() &&
             a.reason.find("privacy budget") != std::string::npos;
    }));
    CHECK_FALSE(world.members.at(uid)->holds());
  }
}

TEST_CASE("secure member: a session with another noise than its own it refuses") {
  World world;
  make_noised(world);
  for (auto& [uid, member] : world.members) member->hold(trained(40 + uid));
  Experiment told = world.experiment;
  told.privacy.dp.noise_multiplier = 0.1;
  std::swap(told, world.experiment);  // the session's parameters are made from it
  world.make(7);
  std::swap(told, world.experiment);
  world.run(world.server->open());
  for (std::uint32_t uid = 1; uid <= 3; ++uid)
    CHECK(world.any(uid, [](const SecureAnswer& a) { return a.abort == SecAggAbort::kPolicy; }));
  CHECK_FALSE(world.server->is_finished());
}

TEST_CASE("secure member: trained from another adapter, it stays away") {
  World world;
  for (auto& [uid, member] : world.members) {
    TrainedVector vector = trained(40 + uid);
    if (uid == 2) vector.adapter_sha256 = std::string(64, 'b');
    member->hold(std::move(vector));
  }
  world.open(7);
  CHECK(world.any(2, [](const SecureAnswer& a) { return a.abort == SecAggAbort::kPolicy; }));
}
