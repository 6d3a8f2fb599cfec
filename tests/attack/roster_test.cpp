// Attacks on who is in a cohort and under which keys: docs/privacy.md, rows 10 to 12, 20 and 27.
#include <doctest/doctest.h>

#include <algorithm>

#include "privacy/merkle_tree.h"
#include "tests/support/secagg_world.h"

using namespace fennec;
using fennec::test::SecAggOptions;
using fennec::test::SecAggWorld;

namespace {

using Adverts = std::map<std::uint32_t, Advert>;

Adverts adverts_of(const SecAggWorld& world) {
  Adverts adverts;
  for (const auto& [uid, frames] : world.sent_up)
    adverts[uid] = SecAggWorld::payload_of<AdvertiseMessage>(frames.at(SecAggStep::kAdvertise)).advert;
  return adverts;
}

/// The cohort as a server would tell it to `to` if these were the adverts (complete graph).
std::vector<std::byte> cohort_frame(const SecAggWorld& world, std::uint32_t to,
                                    const Adverts& adverts) {
  std::vector<std::uint32_t> members;
  std::vector<Sha256Digest> leaves;
  for (const auto& [uid, advert] : adverts) {
    members.push_back(uid);
    leaves.push_back(advert_leaf(uid, advert));
  }
  const MerkleTree tree(leaves);
  CohortMessage message{
      to_bitmap(world.roster, members), tree.root(), tree.path(*rank_of(members, to)), {}};
  for (const auto& [uid, advert] : adverts)
    if (uid != to) message.neighbours.push_back({uid, advert, tree.path(*rank_of(members, uid))});
  return world.forge(SecAggStep::kCohort, to, encode(message));
}

/// The victim's reaction to adverts changed by an active server.
SecAggReaction told(const std::function<void(SecAggWorld&, Adverts&)>& change) {
  SecAggWorld world({});
  const std::uint32_t victim = world.uids[1];
  world.to_client = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
    if (uid != victim || step != SecAggStep::kCohort) return true;
    Adverts adverts = adverts_of(world);
    change(world, adverts);
    frame = cohort_frame(world, uid, adverts);
    return true;
  };
  world.run();
  CHECK_FALSE(world.sent_up.at(victim).contains(SecAggStep::kShares));
  return world.aborts.contains(victim) ? world.aborts.at(victim) : SecAggReaction{};
}

}  // namespace

TEST_CASE("attack 10: a public key exchanged by the server fails under the pinned identity") {
  SystemEntropy entropy;
  const PublicKey mine = generate_x25519(entropy).public_key;
  std::uint32_t target = 0;
  const auto swapped = [&](PublicKey Advert::*key) {
    return told([&](SecAggWorld& world, Adverts& adverts) {
      target = world.uids[3];
      adverts[target].*key = mine;
    });
  };
  for (const auto key : {&Advert::share_key, &Advert::mask_key}) {
    const SecAggReaction refused = swapped(key);
    CHECK(refused.abort == SecAggAbort::kRoster);
    CHECK(refused.culprit == target);
  }
  SUBCASE("signed by somebody else of the roster") {
    const SecAggReaction refused = told([&](SecAggWorld& world, Adverts& adverts) {
      Advert& advert = adverts[world.uids[3]];
      advert.mask_key = mine;
      advert.signature =
          sign_advert(world.server->sid(), world.uids[3], advert, world.keys.at(world.uids[4]));
    });
    CHECK(refused.abort == SecAggAbort::kRoster);
  }
  SUBCASE("the victim's own keys exchanged in what the others see") {
    const SecAggReaction refused =
        told([&](SecAggWorld& world, Adverts& adverts) { adverts[world.uids[1]].mask_key = mine; });
    CHECK(refused.abort == SecAggAbort::kRoster);
  }
}

TEST_CASE("attack 10: a changed advert that does not fit the root") {
  SecAggWorld world({});
  const std::uint32_t victim = world.uids[0];
  world.to_client = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
    if (uid != victim || step != SecAggStep::kCohort) return true;
    auto message = SecAggWorld::payload_of<CohortMessage>(frame);
    std::swap(message.neighbours[0].advert, message.neighbours[1].advert);
    frame = world.forge(step, uid, encode(message));
    return true;
  };
  world.run();
  CHECK(world.aborted_with(victim, SecAggAbort::kRoster));
}

TEST_CASE("attack 11: keys used twice and points of small order are refused by client and server") {
  const SecAggReaction twice = told([](SecAggWorld& world, Adverts& adverts) {
    Advert& advert = adverts[world.uids[3]];
    advert.mask_key = adverts[world.uids[4]].mask_key;
    advert.signature =
        sign_advert(world.server->sid(), world.uids[3], advert, world.keys.at(world.uids[3]));
  });
  CHECK(twice.abort == SecAggAbort::kRoster);
  CHECK(twice.reason.find("twice") != std::string::npos);
  const SecAggReaction own = told([](SecAggWorld& world, Adverts& adverts) {
    Advert& advert = adverts[world.uids[3]];
    advert.share_key = adverts[world.uids[1]].share_key;
    advert.signature =
        sign_advert(world.server->sid(), world.uids[3], advert, world.keys.at(world.uids[3]));
  });
  CHECK(own.abort == SecAggAbort::kRoster);
  const SecAggReaction zero = told([](SecAggWorld& world, Adverts& adverts) {
    Advert& advert = adverts[world.uids[3]];
    advert.mask_key = {};
    advert.signature =
        sign_advert(world.server->sid(), world.uids[3], advert, world.keys.at(world.uids[3]));
  });
  CHECK(zero.abort == SecAggAbort::kRoster);
  CHECK(zero.reason.find("small order") != std::string::npos);

  for (const bool small : {true, false}) {  // at an honest server the cohort goes on without it
    SecAggWorld world({});
    const std::uint32_t cheat = world.uids[4];
    world.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
      if (uid != cheat || step != SecAggStep::kAdvertise) return true;
      AdvertiseMessage message = SecAggWorld::payload_of<AdvertiseMessage>(frame);
      message.advert.mask_key = small ? PublicKey{} : adverts_of(world).at(world.uids[0]).mask_key;
      message.advert.signature =
          sign_advert(world.server->sid(), uid, message.advert, world.keys.at(uid));
      frame = world.forge_as(uid, step, encode(message));
      return true;
    };
    world.run();
    CHECK(world.faulted(cheat, "public key"));
    CHECK(world.has_exact_sum());
    CHECK(world.server->survivors().size() == 4);
  }
}

TEST_CASE("attack 12: halves that were told different cohorts cannot open each other's shares") {
  SecAggOptions options;
  options.clients = 6;
  options.corrupt = 0;
  options.dropouts = 0.2;
  SecAggWorld world(options);
  const std::uint32_t hidden = world.uids[5];
  const auto sees_less = [&](std::uint32_t uid) {
    return uid == world.uids[0] || uid == world.uids[1];
  };
  world.to_client = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
    if (step == SecAggStep::kCohort && sees_less(uid)) {
      Adverts adverts = adverts_of(world);
      adverts.erase(hidden);
      frame = cohort_frame(world, uid, adverts);
    }
    return step == SecAggStep::kCohort || step == SecAggStep::kOpen;
  };
  world.run();
  // The server that told the lie forwards what it has: every share across the halves is refused.
  const std::uint32_t reader = world.uids[2];
  ForwardMessage forward{to_bitmap(world.roster, world.uids), {}};
  for (const std::uint32_t from : world.uids) {
    if (from == reader) continue;
    for (const SealedShares& s :
         SecAggWorld::payload_of<SharesMessage>(world.sent_up.at(from).at(SecAggStep::kShares)).shares)
      if (s.peer == reader) {
        forward.shares.push_back(s);
        forward.shares.back().peer = from;
      }
  }
  REQUIRE(forward.shares.size() == 5);
  const SecAggReaction refused =
      world.clients.at(reader)->handle(world.forge(SecAggStep::kForward, reader, encode(forward)));
  CHECK(refused.abort == SecAggAbort::kShare);
  CHECK(sees_less(refused.culprit));
  CHECK_FALSE(world.server->is_finished());
}

TEST_CASE("attack 20: one key under two names, unlisted, expired and revoked identities") {
  SecAggWorld world({});
  Roster roster = world.roster;
  SUBCASE("a roster with one key twice does not load") {
    // sign_roster refuses to make it: the second entry gets the first one's key by hand
    const std::span<const std::byte> good(world.signed_roster);
    constexpr std::size_t kHead = 4 + 8 + 4, kEntry = 92, kKey = 8;
    ByteWriter text;
    text.raw(good.first(kHead + kEntry + kKey));
    text.raw(good.subspan(kHead + kKey, 32));
    text.raw(good.subspan(kHead + kEntry + kKey + 32, good.size() - 64 - kHead - kEntry - kKey - 32));
    ByteWriter sealed_by_hand;
    sealed_by_hand.raw(text.bytes());
    sealed_by_hand.raw(world.authority.sign(secagg_label("roster"), text.bytes()));
    const auto loaded = open_roster(sealed_by_hand.bytes(), world.authority.public_key());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == ErrorCode::kMalformed);
  }
  SUBCASE("a roster somebody else signed does not load") {
    CHECK(open_roster(world.signed_roster, world.authority.public_key()));
    const auto loaded = open_roster(world.signed_roster, world.server_key.public_key());
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == ErrorCode::kNotAdmitted);
    auto changed = world.signed_roster;
    changed[20] ^= std::byte{1};
    CHECK_FALSE(open_roster(changed, world.authority.public_key()));
  }
  SUBCASE("expired, not yet valid or revoked: not valid now") {
    RosterEntry entry = roster.entries[1];
    CHECK(entry.is_valid_at(world.now));
    CHECK_FALSE(entry.is_valid_at(entry.not_after));
    CHECK_FALSE(entry.is_valid_at(entry.not_before - 1));
    entry.flags = kRosterRevoked;
    CHECK_FALSE(entry.is_valid_at(world.now));
  }
  SUBCASE("a client whose key has expired takes no part") {
    world.now += 2000;  // the clients that join now have a later clock
    const std::uint32_t uid = world.uids[0];
    SystemEntropy entropy;
    SecAggClient late(world.identity(uid), world.policy(), {11, 4}, world.now, entropy);
    const auto refused = late.handle(world.server->open().front().frame);
    CHECK(refused.abort == SecAggAbort::kRoster);
  }
  SUBCASE("a server refuses a cohort with somebody who is not on the roster") {
    SystemEntropy entropy;
    auto cohort = world.uids;
    cohort.back() = 5;
    const auto made =
        SecAggServer::create({world.params(), world.signed_roster, cohort, 12, {}},
                             world.server_key.clone(), world.authority.public_key(), entropy);
    REQUIRE_FALSE(made);
    CHECK(made.error().message.find("client 5") != std::string::npos);
  }
  SUBCASE("a message of one client under another's name is dropped") {
    const auto open = world.server->open();
    const auto advert = world.clients.at(world.uids[0])->handle(open[0].frame);
    REQUIRE(advert.frame);
    const auto reaction = world.server->handle(world.uids[1], *advert.frame);
    CHECK(reaction.faults.size() == 1);
    CHECK(world.server->answered() == 0);
  }
}

TEST_CASE("attack 27: a client shown another model is in another session") {
  SecAggWorld world({});
  const std::uint32_t victim = world.uids[2];
  world.to_client = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
    if (uid != victim || step != SecAggStep::kOpen) return true;
    auto message = SecAggWorld::payload_of<OpenMessage>(frame);
    message.model = sha256("another model");
    const Sha256Digest sid = session_id(message.params, message.round, message.model, message.nonce);
    frame = seal_frame(step, sid, uid, encode(message), world.server_key);
    return true;
  };
  SUBCASE("that has the right one: it refuses") {
    world.run();
    CHECK(world.aborted_with(victim, SecAggAbort::kPolicy));
    CHECK_FALSE(world.sent_up.contains(victim));
  }
  SUBCASE("and believes it: nobody takes its keys") {
    SystemEntropy entropy;
    SecAggPolicy policy = world.policy();
    policy.model = sha256("another model");
    world.clients[victim] = std::make_unique<SecAggClient>(world.identity(victim), policy,
                                                           SecAggMemory{11, 4}, world.now, entropy);
    world.run();
    CHECK(world.faulted(victim, "another session"));
    CHECK(world.has_exact_sum());
    CHECK_FALSE(contains(world.server->survivors(), victim));
    // passed on to a peer nevertheless, they fail there
    const Advert advert =
        SecAggWorld::payload_of<AdvertiseMessage>(world.sent_up.at(victim).at(SecAggStep::kAdvertise))
            .advert;
    const SecAggReaction refused =
        told([&](SecAggWorld& w, Adverts& adverts) { adverts[w.uids[2]] = advert; });
    CHECK(refused.abort == SecAggAbort::kRoster);
  }
}
