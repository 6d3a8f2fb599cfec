// Attacks on whose vectors are in the sum: docs/privacy.md, rows 13 to 16.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/secagg_world.h"

using namespace fennec;
using fennec::test::SecAggOptions;
using fennec::test::SecAggWorld;

namespace {

std::vector<std::uint32_t> without(std::vector<std::uint32_t> uids, std::uint32_t uid) {
  std::erase(uids, uid);
  return uids;
}

/// U3 as an active server would tell it.
SurvivorsMessage survivors_message(const SecAggWorld& world,
                                   const std::vector<std::uint32_t>& survivors, std::uint32_t to) {
  const auto cohort =
      SecAggWorld::payload_of<CohortMessage>(world.sent_down.at(to).at(SecAggStep::kCohort));
  const auto forward =
      SecAggWorld::payload_of<ForwardMessage>(world.sent_down.at(to).at(SecAggStep::kForward));
  const MemberBitmap bitmap = to_bitmap(world.roster, survivors);
  return {bitmap, survivors_hash(world.server->sid(), cohort.root, forward.sharers, bitmap)};
}

/// Up to the masked vectors; then nothing of the server's arrives any more.
void run_to_masked(SecAggWorld& world) {
  world.to_client = [](std::uint32_t, SecAggStep step, std::vector<std::byte>&) {
    return step < SecAggStep::kSurvivors;
  };
  world.run();
}

SecAggReaction show(SecAggWorld& world, std::uint32_t uid, const SurvivorsMessage& message) {
  return world.clients.at(uid)->handle(world.forge(SecAggStep::kSurvivors, uid, encode(message)));
}

bool reveals(const SecAggReaction& reaction) {
  return reaction.frame && SecAggWorld::step_of(*reaction.frame) == SecAggStep::kUnmask;
}

}  // namespace

TEST_CASE("attack 13: two views of the survivors never both get a quorum") {
  SecAggOptions options;
  options.clients = 10;
  options.mode = SecAggMode::kActive;
  SecAggWorld world(options);
  const std::uint32_t target = world.uids[9];
  const std::vector<std::uint32_t> rest = without(world.uids, target);
  run_to_masked(world);
  std::vector<ProofMessage::Entry> alive_view, dead_view;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool alive = i < 5;
    const SecAggReaction reaction =
        show(world, rest[i], survivors_message(world, alive ? world.uids : rest, rest[i]));
    REQUIRE(reaction.frame);
    REQUIRE(SecAggWorld::step_of(*reaction.frame) == SecAggStep::kConsent);
    (alive ? alive_view : dead_view)
        .push_back({rest[i], SecAggWorld::payload_of<ConsentMessage>(*reaction.frame).signature});
  }
  for (std::size_t i = 0; i < rest.size(); ++i) {
    std::vector<ProofMessage::Entry> consents = i < 5 ? alive_view : dead_view;
    if (i % 2 == 0) {  // and with the other half's signatures thrown in
      consents.insert(consents.end(), alive_view.begin(), alive_view.end());
      consents.insert(consents.end(), dead_view.begin(), dead_view.end());
      std::sort(consents.begin(), consents.end(),
                [](const auto& a, const auto& b) { return a.uid < b.uid; });
      consents.erase(std::unique(consents.begin(), consents.end(),
                                 [](const auto& a, const auto& b) { return a.uid == b.uid; }),
                     consents.end());
    }
    const SecAggReaction reaction = world.clients.at(rest[i])->handle(
        world.forge(SecAggStep::kProof, rest[i], encode(ProofMessage{consents})));
    CHECK(reaction.abort == SecAggAbort::kConsistency);
    CHECK_FALSE(reveals(reaction));
  }
}

TEST_CASE(
    "attack 13: without the consistency round, the complete graph's threshold keeps both secrets") {
  for (std::uint32_t told_alive = 0; told_alive <= 9; ++told_alive) {
    SecAggOptions options;
    options.clients = 10;
    SecAggWorld world(options);
    const std::uint32_t target = world.uids[4];
    const std::vector<std::uint32_t> rest = without(world.uids, target);
    run_to_masked(world);
    std::uint32_t self_shares = 0, mask_shares = 0;
    for (std::uint32_t i = 0; i < rest.size(); ++i) {
      const SecAggReaction reaction =
          show(world, rest[i], survivors_message(world, i < told_alive ? world.uids : rest, rest[i]));
      REQUIRE(reveals(reaction));
      for (const auto& entry : SecAggWorld::payload_of<UnmaskMessage>(*reaction.frame).shares)
        if (entry.uid == target) ++(entry.kind == ShareKind::kSelfSecret ? self_shares : mask_shares);
    }
    CHECK(self_shares + mask_shares == 9);
    const std::uint32_t t = world.server->params().threshold;
    // with a corrupt neighbour giving both
    CHECK_FALSE((self_shares + 1 >= t && mask_shares >= t));
    CHECK_FALSE((self_shares >= t && mask_shares + 1 >= t));
  }
}

TEST_CASE("attack 14: a set of survivors that cannot be is refused, and nothing is revealed") {
  SecAggWorld world({});
  const std::uint32_t uid = world.uids[2];
  world.dies_at[world.uids[4]] = SecAggStep::kShares;  // U2 is smaller than U1
  SurvivorsMessage message;
  SecAggAbort expected = SecAggAbort::kMalformed;
  SUBCASE("the client itself counts as dropped out") {
    run_to_masked(world);
    message = survivors_message(world, {world.uids[0], world.uids[1], world.uids[3]}, uid);
    expected = SecAggAbort::kEquivocation;
  }
  SUBCASE("somebody who never shared") {
    run_to_masked(world);
    message = survivors_message(world, world.uids, uid);
  }
  SUBCASE("somebody of the roster who was never asked") {
    run_to_masked(world);
    auto more = std::vector<std::uint32_t>(world.uids.begin(), world.uids.end() - 1);
    more.push_back(world.roster.entries.back().uid);
    message = survivors_message(world, more, uid);
  }
  SUBCASE("nobody of the roster: a spare bit") {
    run_to_masked(world);
    message = survivors_message(world, without(world.uids, world.uids[4]), uid);
    REQUIRE(world.roster.entries.size() % 8 == 0);
    message.survivors.push_back(std::byte{1});
  }
  SUBCASE("the hash of another set") {
    run_to_masked(world);
    message = survivors_message(world, without(world.uids, world.uids[4]), uid);
    message.hash = survivors_message(world, {world.uids[0], world.uids[1], uid}, uid).hash;
  }
  const SecAggReaction reaction = show(world, uid, message);
  CHECK(reaction.abort == expected);
  CHECK_FALSE(reveals(reaction));
  // and it is not persuaded afterwards
  const SecAggReaction later =
      show(world, uid, survivors_message(world, without(world.uids, world.uids[4]), uid));
  CHECK(later.ignored);
  CHECK_FALSE(later.frame);
}

TEST_CASE("attack 14: a share of both kinds for one client has no encoding") {
  UnmaskMessage message;
  message.shares.resize(2);
  message.shares[0].uid = message.shares[1].uid = 7;
  message.shares[1].kind = ShareKind::kMaskKey;
  CHECK_FALSE(decode<UnmaskMessage>(encode(message)));
}

TEST_CASE("attack 15: asked again with other survivors, a client reveals nothing more") {
  SecAggOptions options;
  options.clients = 6;
  SecAggWorld world(options);
  run_to_masked(world);
  const std::uint32_t uid = world.uids[0];
  const SurvivorsMessage first = survivors_message(world, world.uids, uid);
  const SecAggReaction answer = show(world, uid, first);
  REQUIRE(reveals(answer));
  const SecAggReaction again = show(world, uid, first);  // lost on the way: the identical answer
  CHECK(again.frame == answer.frame);
  const SecAggReaction other =
      show(world, uid, survivors_message(world, without(world.uids, world.uids[5]), uid));
  CHECK(other.abort == SecAggAbort::kEquivocation);
  CHECK_FALSE(reveals(other));
  CHECK_FALSE(show(world, uid, first).frame);  // and it is over
}

TEST_CASE("attack 16: too few survivors, or too few among the neighbours: no answer") {
  SecAggOptions options;
  options.clients = 10;
  SecAggWorld world(options);
  REQUIRE(world.server->params().survivors == 7);
  run_to_masked(world);
  const std::uint32_t uid = world.uids[0];
  const auto few = std::vector<std::uint32_t>(world.uids.begin(), world.uids.begin() + 6);
  const SecAggReaction refused = show(world, uid, survivors_message(world, few, uid));
  CHECK(refused.abort == SecAggAbort::kTooFew);
  CHECK_FALSE(reveals(refused));
  const std::uint32_t other = world.uids[1];
  const auto enough = std::vector<std::uint32_t>(world.uids.begin(), world.uids.begin() + 7);
  CHECK(reveals(show(world, other, survivors_message(world, enough, other))));

  SUBCASE("parameters that would allow fewer are refused at the start") {
    SystemEntropy entropy;
    SecAggPolicy policy = world.policy();
    policy.survivors = 8;
    SecAggClient strict(world.identity(uid), policy, {11, 4}, world.now, entropy);
    CHECK(strict.handle(world.sent_down.at(uid).at(SecAggStep::kOpen)).abort == SecAggAbort::kPolicy);
  }
  SUBCASE("two survivors have no encoding in the parameters") {
    SecAggParams p = world.params();
    p.survivors = 2;
    CHECK_FALSE(check_params(p));
    p = world.params();
    p.threshold -= 1;
    CHECK_FALSE(check_params(p));
    p = world.params();
    p.degree = 4;
    CHECK_FALSE(check_params(p));
  }
}
