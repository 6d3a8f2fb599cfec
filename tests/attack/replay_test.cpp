// Attacks with messages at the wrong time: docs/privacy.md, rows 17 to 19; and garbage.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/secagg_world.h"

using namespace fennec;
using fennec::test::SecAggOptions;
using fennec::test::SecAggWorld;

TEST_CASE("attack 17: other sessions, other steps and other clients' frames change nothing") {
  SecAggOptions other_options;
  other_options.seed = 2;
  SecAggWorld other(other_options);
  other.run();
  SecAggWorld world({});
  const std::uint32_t uid = world.uids[0];
  SUBCASE("at the client") {
    SecAggClient& client = *world.clients.at(uid);
    const auto ignored = [&](const std::vector<std::byte>& frame) {
      const std::size_t before = client.ignored_frames();
      const SecAggReaction reaction = client.handle(frame);
      CHECK(reaction.ignored);
      CHECK_FALSE(reaction.frame);
      CHECK_FALSE(reaction.abort);
      CHECK(client.ignored_frames() == before + 1);
    };
    const auto open = world.server->open();
    ignored(world.forge(SecAggStep::kCohort, uid, {}));     // a step too early
    ignored(world.forge(SecAggStep::kSurvivors, uid, {}));  // many
    ignored(open[1].frame);                                 // somebody else's
    auto unsigned_open = open[0].frame;
    unsigned_open.back() ^= std::byte{1};
    ignored(unsigned_open);
    REQUIRE(client.handle(open[0].frame).frame);
    ignored(other.sent_down.begin()->second.at(SecAggStep::kCohort));  // an old session
    ignored(world.forge_as(uid, SecAggStep::kCohort, {}));  // its own key is not the server's
  }
  SUBCASE("at the server") {
    world.to_server = [&](std::uint32_t from, SecAggStep step, std::vector<std::byte>& frame) {
      if (from != uid || step != SecAggStep::kShares) return true;
      const auto dropped = [&](std::uint32_t as, const std::vector<std::byte>& bad) {
        const auto reaction = world.server->handle(as, bad);
        CHECK(reaction.faults.size() == 1);
        CHECK(reaction.send.empty());
        CHECK_FALSE(reaction.failure);
      };
      dropped(uid, other.sent_up.begin()->second.at(SecAggStep::kShares));
      dropped(uid, world.forge_as(uid, SecAggStep::kUnmask, encode(UnmaskMessage{})));
      dropped(uid, world.forge_as(uid, SecAggStep::kMasked, encode(MaskedMessage{})));
      dropped(world.uids[1], frame);
      dropped(world.roster.entries[0].uid, frame);
      dropped(4711, frame);
      auto changed = frame;
      changed[60] ^= std::byte{1};
      dropped(uid, changed);
      return true;
    };
    world.run();
    CHECK(world.has_exact_sum());
    CHECK(world.server->survivors().size() == 5);
  }
}

TEST_CASE("attack 17: a session not after the last one, or an older roster, is refused") {
  SecAggWorld world({});
  const std::uint32_t uid = world.uids[0];
  const auto open = world.server->open();
  SystemEntropy entropy;
  SecAggClient replayed(world.identity(uid), world.policy(), {12, 4}, world.now, entropy);
  CHECK(replayed.handle(open[0].frame).abort == SecAggAbort::kPolicy);
  SecAggClient ahead(world.identity(uid), world.policy(), {11, 5}, world.now, entropy);
  CHECK(ahead.handle(open[0].frame).abort == SecAggAbort::kRoster);
  SecAggClient right(world.identity(uid), world.policy(), {11, 4}, world.now, entropy);
  CHECK(right.handle(open[0].frame).frame);
}

TEST_CASE("attack 18: a repeated masked vector is ignored, a different one ends the session") {
  SUBCASE("the same") {
    SecAggWorld world({});
    world.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
      if (step == SecAggStep::kMasked) {
        const auto copy = frame;
        CHECK(world.tell_server(uid, copy).faults.empty());
      }
      return true;
    };
    world.run();
    CHECK(world.has_exact_sum());
    CHECK(world.faults.empty());
  }
  SUBCASE("another") {
    SecAggWorld world({});
    const std::uint32_t cheat = world.uids[3];
    world.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
      if (uid != cheat || step != SecAggStep::kMasked) return true;
      const auto first = frame;
      CHECK(world.tell_server(uid, first).faults.empty());
      auto message = SecAggWorld::payload_of<MaskedMessage>(frame);
      const auto read = read_frame(first);
      std::vector<std::byte> vector(read->tail.begin(), read->tail.end());
      vector[0] ^= std::byte{1};
      message.vector = sha256(vector);
      frame = world.forge_as(uid, step, encode(message));
      frame.insert(frame.end(), vector.begin(), vector.end());
      return true;
    };
    world.run();
    REQUIRE(world.failure);
    CHECK(world.failure->reason == SecAggAbort::kEquivocation);
    CHECK(world.failure->culprit == cheat);
    CHECK(world.faulted(cheat));
    CHECK_FALSE(world.server->is_finished());
  }
}

TEST_CASE("attack 18: a vector that is not the signed one, or of another size, is not added") {
  for (const int kind : {0, 1, 2, 3}) {
    SecAggWorld world({});
    const std::uint32_t cheat = world.uids[3];
    world.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
      if (uid != cheat || step != SecAggStep::kMasked) return true;
      if (kind == 0) frame.back() ^= std::byte{1};
      if (kind == 1) frame.push_back(std::byte{0});
      if (kind == 2) frame.resize(frame.size() - 4);
      if (kind == 3) {
        auto message = SecAggWorld::payload_of<MaskedMessage>(frame);
        const auto read = read_frame(frame);
        std::vector<std::byte> vector(read->tail.begin(), read->tail.end());
        vector.insert(vector.end(), 4, std::byte{0});
        message.length += 1;
        message.vector = sha256(vector);
        frame = world.forge_as(uid, step, encode(message));
        frame.insert(frame.end(), vector.begin(), vector.end());
      }
      return true;
    };
    world.run();
    CHECK(world.faulted(cheat, "masked vector"));
    CHECK(world.has_exact_sum());
    CHECK(world.server->survivors().size() == 4);
  }
}

TEST_CASE("attack 19: a masked vector that comes after the survivors are fixed is never added") {
  SecAggOptions options;
  options.clients = 10;
  SecAggWorld world(options);
  const std::uint32_t late = world.uids[5];
  std::vector<std::byte> held;
  world.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
    if (uid == late && step == SecAggStep::kMasked) {
      held = frame;
      return false;
    }
    if (step == SecAggStep::kUnmask && !held.empty()) {
      const auto reaction = world.server->handle(late, held);
      CHECK(reaction.send.empty());
      CHECK_FALSE(reaction.failure);
    }
    return true;
  };
  world.run();
  CHECK(world.has_exact_sum());
  CHECK(world.server->survivors().size() == 9);
  const auto before =
      std::vector<std::uint32_t>(world.server->sum().begin(), world.server->sum().end());
  CHECK(world.server->handle(late, held).send.empty());
  CHECK(std::equal(before.begin(), before.end(), world.server->sum().begin()));
}

TEST_CASE(
    "attack 23: frames cut at every byte and with every byte changed are dropped without a trace") {
  SecAggWorld world({});
  world.run();
  REQUIRE(world.has_exact_sum());
  for (const auto& sent : world.sent_up.begin()->second) {
    const auto step = sent.first;
    const auto& frame = sent.second;
    CAPTURE(std::string(to_string(step)));
    const std::size_t size = std::min<std::size_t>(frame.size(), 700);
    for (std::size_t at = 0; at < size; ++at) {
      const auto cut = read_frame(std::span(frame).first(at));
      if (cut) CHECK(step == SecAggStep::kMasked);  // a shorter vector: its hash tells
      auto changed = frame;
      changed[at] ^= std::byte{0x41};
      const auto read = read_frame(changed);
      if (read && read->tail.empty())
        CHECK_FALSE(read->is_signed_by(world.keys.at(world.uids[0]).public_key()));
    }
  }
  // a count of 2^32 - 1 believes no more than what came
  ByteWriter huge;
  huge.u32(0xFFFFFFFFu);
  CHECK_FALSE(decode<SharesMessage>(huge.bytes()));
  CHECK_FALSE(decode<UnmaskMessage>(huge.bytes()));
  CHECK_FALSE(decode<ProofMessage>(huge.bytes()));
  CHECK_FALSE(decode<CohortMessage>(huge.bytes()));
}
