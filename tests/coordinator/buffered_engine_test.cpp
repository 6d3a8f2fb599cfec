#include <doctest/doctest.h>

#include "tests/coordinator/engine_driver.h"

using namespace fennec;
using namespace fennec::test;

namespace {

RoundsConfig buffered(int total = 9) {
  RoundsConfig rounds;
  rounds.total = total;
  rounds.cohort_size = 3;
  rounds.buffer_size = 2;
  rounds.max_staleness = 2;
  return rounds;
}

/// Three clients, all at work on round 1.
struct Buffered : EngineDriver {
  explicit Buffered(RoundsConfig rounds = buffered()) : EngineDriver(rounds) {
    for (const char* name : {"a", "b", "c"}) arrive(name);
    for (const char* name : {"a", "b", "c"}) evaluate(name);
    REQUIRE(sent<RoundPlan>(last).size() == 3);
  }
  /// Offer, bytes and disk of an update of some round.
  const std::vector<RoundAction>& deliver(const std::string& name, std::int64_t round) {
    const ClientId client{name};
    const UpdateOffer offer = offer_of(client, RoundId{round}, AdapterVersion{round - 1});
    on(OfferArrived{client, offer});
    if (actions_of<RequestUpdate>(last).empty()) return last;
    on(UpdateArrived{client, offer});
    return on(UpdateStored{client, offer});
  }
};

std::vector<std::string> planned(const std::vector<RoundAction>& actions, std::int64_t round) {
  std::vector<std::string> out;
  for (const auto& [client, plan] : sent<RoundPlan>(actions))
    if (plan.round.value == round) out.push_back(client);
  return out;
}

}  // namespace

TEST_CASE("buffer: it commits when it is full, and who is still training delivers into a later one") {
  Buffered d;
  CHECK(actions_of<CommitRound>(d.deliver("b", 1)).empty());
  const auto first = actions_of<CommitRound>(d.deliver("a", 1));
  REQUIRE(first.size() == 1);
  CHECK(first[0].contributors == std::vector<ClientId>{{"a"}, {"b"}});
  d.commit();
  CHECK(planned(d.last, 2) == std::vector<std::string>{"a", "b"});
  CHECK(sent<RoundPlan>(d.last).size() == 2 + 1);  // c is told again what it is at
  CHECK(planned(d.last, 1) == std::vector<std::string>{"c"});
  d.deliver("c", 1);
  CHECK(sent<UpdateAccepted>(d.last).size() == 1);
  const auto second = actions_of<CommitRound>(d.deliver("a", 2));
  REQUIRE(second.size() == 1);
  CHECK(second[0].contributors == std::vector<ClientId>{{"a"}, {"c"}});
}

TEST_CASE("buffer: a client counts once in it, however often it offers") {
  Buffered d;
  d.deliver("a", 1);
  CHECK(sent<UpdateAccepted>(d.deliver("a", 1)).size() == 1);  // the same update again
  CHECK(actions_of<CommitRound>(d.last).empty());
  const auto other = sent<UpdateRejected>(d.deliver("a", 2));
  REQUIRE(other.size() == 1);
  CHECK(other[0].second.code == ErrorCode::kStale);
}

TEST_CASE("buffer: too old an update is refused, and its client told so early") {
  Buffered d;
  for (std::int64_t round = 1; round <= 3; ++round) {
    d.deliver("a", round);
    d.deliver("b", round);
    d.commit();
    const bool too_old = round == 3;  // it would be folded into round 4, three versions later
    CHECK(planned(d.last, 1).empty() == too_old);
    CHECK(planned(d.last, 4).size() == (too_old ? 3 : 0));  // c begins anew
  }
  const auto refused = sent<UpdateRejected>(d.deliver("c", 1));
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].second.code == ErrorCode::kStale);
}

TEST_CASE("buffer: what arrives while it commits goes into the next one") {
  Buffered d;
  d.deliver("a", 1);
  d.deliver("b", 1);
  const UpdateOffer offer = offer_of({"c"}, RoundId{1}, AdapterVersion{0});
  CHECK(d.on(OfferArrived{{"c"}, offer}).empty());
  d.commit();
  REQUIRE(actions_of<RequestUpdate>(d.last).size() == 1);
  d.on(UpdateArrived{{"c"}, offer});
  CHECK(sent<UpdateAccepted>(d.on(UpdateStored{{"c"}, offer})).size() == 1);
}

TEST_CASE("buffer: a client that comes back goes on with its plan, a new one takes a free place") {
  Buffered d;
  d.deliver("a", 1);
  d.deliver("b", 1);
  d.commit();
  d.on(ClientLost{{"c"}});
  const auto again = sent<RoundPlan>(d.arrive("c"));
  REQUIRE(again.size() == 1);
  CHECK(again[0].second.round.value == 1);
  CHECK(sent<Wait>(d.arrive("d")).size() == 1);  // three are at work
  d.on(ClientLost{{"b"}});
  CHECK(planned(d.arrive("d"), 2) == std::vector<std::string>{"d"});
  const auto recorded = actions_of<RecordRoundOpened>(d.last);
  REQUIRE(recorded.size() == 1);
  CHECK(recorded[0].cohort == std::vector<ClientId>{{"a"}, {"b"}, {"c"}, {"d"}});
}

TEST_CASE("buffer: after a restart what is stored counts, and whoever was training begins anew") {
  Buffered before;
  before.deliver("a", 1);
  before.deliver("b", 1);
  before.commit();
  before.deliver("c", 1);
  RunState state;
  state.version = AdapterVersion{1};
  state.last_committed = RoundId{1};
  state.evaluated = true;
  state.open_cohort = {{"a"}, {"b"}, {"c"}};
  state.stored.emplace(ClientId{"c"}, offer_of({"c"}, RoundId{1}, AdapterVersion{0}));
  EngineDriver d(buffered(), state);
  d.committed = RoundId{1};
  CHECK(planned(d.arrive("a"), 2) == std::vector<std::string>{"a"});
  CHECK(sent<RoundPlan>(d.arrive("c")).empty());
  const auto commit = actions_of<CommitRound>(d.update("a"));
  REQUIRE(commit.size() == 1);
  CHECK(commit[0].contributors == std::vector<ClientId>{{"a"}, {"c"}});
}

TEST_CASE("buffer: an evaluation asks everyone, and work that was under way is planned anew") {
  RoundsConfig rounds = buffered();
  rounds.evaluate_every = 1;
  Buffered d(rounds);
  d.deliver("a", 1);
  d.deliver("b", 1);
  d.commit();
  CHECK(sent<RoundPlan>(d.last).size() == 3);
  for (const char* name : {"a", "b", "c"}) d.evaluate(name);
  CHECK(planned(d.last, 2).size() == 3);
}
