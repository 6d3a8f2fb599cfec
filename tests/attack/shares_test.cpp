// Attacks on the shares of secrets: docs/privacy.md, rows 4 and 6 to 9.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "tests/support/secagg_world.h"

using namespace fennec;
using fennec::test::SecAggOptions;
using fennec::test::SecAggWorld;

namespace {

/// What `uid` shares instead of its secrets: shares of others, correctly sealed and hashed.
std::vector<std::byte> shares_of_other_secrets(const SecAggWorld& world, std::uint32_t uid,
                                               bool other_self, bool other_mask) {
  const auto cohort =
      SecAggWorld::payload_of<CohortMessage>(world.sent_down.at(uid).at(SecAggStep::kCohort));
  const SecAggContext context{world.server->sid(), cohort.root};
  const SecAggParams& p = world.server->params();
  const auto secrets = world.secrets_of(uid);
  SystemEntropy entropy;
  const int t = static_cast<int>(p.threshold);
  const ShamirPolynomials self(other_self ? entropy.key() : secrets.self.clone(), t, entropy);
  const ShamirPolynomials mask(other_mask ? entropy.key() : secrets.mask.secret_key.clone(), t,
                               entropy);
  SharesMessage message;
  for (const CohortMessage::Neighbour& to : cohort.neighbours) {
    const std::uint32_t place = *rank_of(world.uids, to.uid) + 1;
    const SecretShare self_share = self.share_at(place), mask_share = mask.share_at(place);
    ByteWriter plain;
    plain.u32(uid);
    plain.u32(to.uid);
    plain.u32(place);
    plain.raw(self_share.bytes());
    plain.raw(mask_share.bytes());
    const auto keys = share_keys(context, secrets.share.secret_key, {uid, secrets.share.public_key},
                                 {to.uid, to.advert.share_key});
    SealedShares sealed;
    sealed.peer = to.uid;
    const auto bytes =
        gcm_seal(keys->sending, share_nonce(context.sid, uid, to.uid),
                 share_associated_data(context, uid, to.uid, p.degree, p.threshold), plain.bytes());
    std::copy(bytes.begin(), bytes.end(), sealed.sealed.begin());
    sealed.self_hash = share_hash(ShareKind::kSelfSecret, context.sid, uid, to.uid, self_share);
    sealed.mask_hash = share_hash(ShareKind::kMaskKey, context.sid, uid, to.uid, mask_share);
    message.shares.push_back(sealed);
  }
  return world.forge_as(uid, SecAggStep::kShares, encode(message));
}

/// Runs with the shares that `victim` gets from `sender` replaced.
SecAggReaction with_shares_changed(std::uint32_t victim_index,
                                   const std::function<void(SecAggWorld&, ForwardMessage&)>& change) {
  SecAggWorld world({});
  const std::uint32_t victim = world.uids[victim_index];
  world.to_client = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
    if (uid != victim || step != SecAggStep::kForward) return true;
    auto message = SecAggWorld::payload_of<ForwardMessage>(frame);
    change(world, message);
    frame = world.forge(SecAggStep::kForward, uid, encode(message));
    return true;
  };
  world.run();
  CHECK(world.has_exact_sum());  // the others go on without the victim
  CHECK_FALSE(contains(world.server->survivors(), victim));
  CHECK_FALSE(world.sent_up.at(victim).contains(SecAggStep::kMasked));
  REQUIRE(world.aborts.contains(victim));
  return world.aborts.at(victim);
}

}  // namespace

TEST_CASE("attack 4: t - 1 shares of one secret open nothing, t do") {
  for (const std::uint32_t lost : {1u, 2u}) {
    SecAggWorld world({});  // n = 5, t = 3: with k answers a secret has k - 1 shares or k
    REQUIRE(world.server->params().threshold == 3);
    const std::set<std::uint32_t> silent(world.uids.begin(), world.uids.begin() + lost);
    world.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>&) {
      return step != SecAggStep::kUnmask || !silent.contains(uid);
    };
    world.run();
    CHECK(world.has_exact_sum() == (lost == 1));
    if (lost == 1) continue;
    REQUIRE(world.failure);
    CHECK(world.failure->reason == SecAggAbort::kReconstruct);
    CHECK_FALSE(world.server->is_finished());
  }
}

TEST_CASE("attack 6: sealed shares changed in any byte are refused, and the sender is named") {
  for (const std::size_t at : {0u, 3u, 11u, 45u, 91u, 92u, 107u}) {
    CAPTURE(at);
    std::uint32_t sender = 0;
    const SecAggReaction refused = with_shares_changed(1, [&](SecAggWorld&, ForwardMessage& message) {
      sender = message.shares[2].peer;
      message.shares[2].sealed[at] ^= std::byte{0x10};
    });
    CHECK(refused.abort == SecAggAbort::kShare);
    CHECK(refused.culprit == sender);
  }
  SUBCASE("a hash that is not the share's") {
    const SecAggReaction refused = with_shares_changed(
        0, [](SecAggWorld&, ForwardMessage& m) { m.shares[0].self_hash[3] ^= std::byte{1}; });
    CHECK(refused.abort == SecAggAbort::kShare);
  }
  SUBCASE("two senders' shares exchanged") {
    const SecAggReaction refused = with_shares_changed(0, [](SecAggWorld&, ForwardMessage& m) {
      std::swap(m.shares[0].sealed, m.shares[1].sealed);
      std::swap(m.shares[0].self_hash, m.shares[1].self_hash);
      std::swap(m.shares[0].mask_hash, m.shares[1].mask_hash);
    });
    CHECK(refused.abort == SecAggAbort::kShare);
  }
  SUBCASE("one left out") {
    const SecAggReaction refused = with_shares_changed(
        0, [](SecAggWorld&, ForwardMessage& m) { m.shares.erase(m.shares.begin()); });
    CHECK(refused.abort == SecAggAbort::kMalformed);
  }
}

TEST_CASE("attack 7: a wrong share revealed at the end is left out and its sender flagged") {
  SecAggWorld world({});
  const std::uint32_t liar = world.uids[3];
  world.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
    if (uid != liar || step != SecAggStep::kUnmask) return true;
    auto message = SecAggWorld::payload_of<UnmaskMessage>(frame);
    message.shares[1].share.bytes()[4] ^= std::byte{1};
    frame = world.forge_as(uid, step, encode(message));
    return true;
  };
  world.run();
  CHECK(world.has_exact_sum());
  CHECK(world.faulted(liar, "wrong shares"));
  CHECK(world.faults.size() == 1);
}

TEST_CASE("attack 8: a client that shares another secret than it committed to ends the round, named") {
  for (const bool self : {true, false}) {
    SecAggWorld world({10});
    const std::uint32_t liar = world.uids[4];
    if (!self) world.dies_at[liar] = SecAggStep::kMasked;  // then its mask key is opened
    world.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
      if (uid == liar && step == SecAggStep::kShares)
        frame = shares_of_other_secrets(world, uid, self, !self);
      return true;
    };
    world.run();
    REQUIRE(world.failure);
    CHECK(world.failure->reason == SecAggAbort::kReconstruct);
    CHECK(world.failure->culprit == liar);
    CHECK_FALSE(world.server->is_finished());
  }
  SecAggWorld honest({10});  // the same road with the right secrets: the test has power
  const std::uint32_t same = honest.uids[4];
  honest.to_server = [&](std::uint32_t uid, SecAggStep step, std::vector<std::byte>& frame) {
    if (uid == same && step == SecAggStep::kShares)
      frame = shares_of_other_secrets(honest, uid, false, false);
    return true;
  };
  honest.run();
  CHECK(honest.has_exact_sum());
}

TEST_CASE("attack 9: a client's own sealed shares sent back to it open as nobody's") {
  const SecAggReaction refused = with_shares_changed(0, [](SecAggWorld& world, ForwardMessage& m) {
    const std::uint32_t victim = world.uids[0];
    const auto own =
        SecAggWorld::payload_of<SharesMessage>(world.sent_up.at(victim).at(SecAggStep::kShares));
    REQUIRE(own.shares[1].peer == m.shares[1].peer);
    m.shares[1] = own.shares[1];
  });
  CHECK(refused.abort == SecAggAbort::kShare);
}
