#include "coordinator/round_engine.h"

#include <doctest/doctest.h>

#include "tests/coordinator/engine_driver.h"

using namespace fennec;
using namespace fennec::test;

namespace {

RoundsConfig rounds(int total, int cohort, int min_updates = 0, int evaluate_every = 0) {
  RoundsConfig out;
  out.total = total;
  out.cohort_size = cohort;
  out.min_updates = min_updates;
  out.deadline_s = 100;
  out.evaluate_every = evaluate_every;
  return out;
}

std::size_t position(const std::vector<RoundAction>& actions, bool (*is)(const RoundAction&)) {
  std::size_t i = 0;
  while (i < actions.size() && !is(actions[i])) ++i;
  return i;
}

void start_training(EngineDriver& d, const std::vector<std::string>& names) {
  for (const auto& name : names) d.arrive(name);
  for (const auto& name : names) d.evaluate(name);
  REQUIRE(d.engine.phase() == EnginePhase::kTraining);
}

}  // namespace

TEST_CASE("engine: a whole run, from the first hello to the last evaluation") {
  EngineDriver d(rounds(2, 2));
  CHECK(sent<Wait>(d.arrive("a")).size() == 1);
  d.arrive("b");
  const auto plans = sent<RoundPlan>(d.last);
  REQUIRE(plans.size() == 2);
  CHECK(plans[0].second.kind == PlanKind::kEvaluate);
  CHECK(plans[0].second.round == RoundId{0});
  CHECK(sent<Welcome>(d.last).size() == 1);
  d.evaluate("a");
  CHECK(d.last.empty());
  d.evaluate("b");
  CHECK(actions_of<RecordEvaluation>(d.last).at(0).reports.size() == 2);
  for (int round = 1; round <= 2; ++round) {
    const auto train = sent<RoundPlan>(d.last);
    REQUIRE(train.size() == 2);
    CHECK(train[0].second.kind == PlanKind::kTrain);
    CHECK(train[0].second.version == AdapterVersion{round - 1});
    CHECK(train[0].second.seed ==
          Seed(7).child("client_round", "a", static_cast<std::uint64_t>(round)).key());
    CHECK(train[0].second.seed != train[1].second.seed);
    const auto record = position(
        d.last, [](const RoundAction& a) { return std::holds_alternative<RecordRoundOpened>(a); });
    const auto plan = position(d.last, [](const RoundAction& a) {
      const auto* send = std::get_if<SendTo>(&a);
      return send != nullptr && std::holds_alternative<RoundPlan>(send->message);
    });
    CHECK(record < plan);
    CHECK(sent<UpdateAccepted>(d.update("b")).size() == 1);
    d.clock.advance_to(d.clock.now() + from_seconds(3));
    d.update("a");
    const auto commits = actions_of<CommitRound>(d.last);
    REQUIRE(commits.size() == 1);
    CHECK(commits[0].contributors == std::vector<ClientId>{{"a"}, {"b"}});
    CHECK(commits[0].wall_s == doctest::Approx(3));
    d.commit();
  }
  CHECK(sent<RoundPlan>(d.last).at(0).second.kind == PlanKind::kEvaluate);
  d.evaluate("a");
  d.evaluate("b");
  CHECK(sent<Finished>(d.last).size() == 2);
  CHECK(actions_of<RunFinished>(d.last).at(0).version == AdapterVersion{2});
  CHECK(d.engine.finished());
  CHECK(sent<Finished>(d.arrive("a")).size() == 1);
}

TEST_CASE("engine: with min_available no round starts before all are there to be sampled from") {
  RoundsConfig config = rounds(2, 1);
  config.min_available = 3;
  EngineDriver d(config);
  d.arrive("a");
  CHECK(sent<Wait>(d.arrive("b")).size() == 1);
  CHECK(d.engine.phase() == EnginePhase::kEvaluating);
  CHECK(sent<RoundPlan>(d.arrive("c")).size() == 3);
  for (const char* name : {"a", "b", "c"}) d.evaluate(name);
  REQUIRE(d.engine.phase() == EnginePhase::kTraining);
  const std::vector<ClientId> cohort = d.engine.open_round()->cohort();
  REQUIRE(cohort.size() == 1);
  const std::string other = cohort[0] == ClientId{"a"} ? "b" : "a";
  d.on(ClientLost{ClientId{other}});  // once the round is open it needs its cohort alone
  d.update(cohort[0].name);
  d.commit();
  CHECK(d.engine.phase() == EnginePhase::kSelecting);
  d.arrive(other);
  CHECK(d.engine.phase() == EnginePhase::kTraining);
}

TEST_CASE("engine: evaluate_every asks for evaluations between rounds, and only then") {
  for (const int every : {0, 1, 2}) {
    CAPTURE(every);
    EngineDriver d(rounds(4, 1, 0, every));
    d.arrive("a");
    std::vector<std::int64_t> evaluated;
    while (!d.engine.finished()) {
      if (d.engine.phase() == EnginePhase::kEvaluating) {
        d.evaluate("a");
        evaluated.push_back(actions_of<RecordEvaluation>(d.last).at(0).after_round.value);
      } else {
        d.update("a");
        d.commit();
      }
    }
    const std::vector<std::vector<std::int64_t>> expected = {{0, 4}, {0, 1, 2, 3, 4}, {0, 2, 4}};
    CHECK(evaluated == expected[static_cast<std::size_t>(every)]);
  }
}

TEST_CASE("engine: offers are judged by round, version, membership and what is stored") {
  EngineDriver d(rounds(3, 2));
  start_training(d, {"a", "b"});
  d.arrive("late");
  const auto refused = [&](const std::string& name, const UpdateOffer& offer) {
    const auto rejected = sent<UpdateRejected>(d.on(OfferArrived{ClientId{name}, offer}));
    return rejected.size() == 1 ? std::optional(rejected[0].second.code) : std::nullopt;
  };
  UpdateOffer offer = d.offer("a");
  offer.round = RoundId{2};
  CHECK(refused("a", offer) == ErrorCode::kStale);
  offer = d.offer("a");
  offer.base_version = AdapterVersion{1};
  CHECK(refused("a", offer) == ErrorCode::kStale);
  CHECK(refused("late", d.offer("late")) == ErrorCode::kStale);

  CHECK(actions_of<RequestUpdate>(d.on(OfferArrived{{"a"}, d.offer("a")})).size() == 1);
  CHECK(actions_of<StoreUpdate>(d.on(UpdateArrived{{"a"}, d.offer("a")})).size() == 1);
  CHECK(d.on(OfferArrived{{"a"}, d.offer("a")})
            .empty());  // on its way to disk: the acknowledgement will follow
  CHECK(d.on(UpdateArrived{{"a"}, d.offer("a")}).empty());  // nor stored twice
  CHECK(sent<UpdateAccepted>(d.on(UpdateStored{{"a"}, d.offer("a")})).size() == 1);
  CHECK(d.on(UpdateStored{{"a"}, d.offer("a")}).empty());
  CHECK(sent<UpdateAccepted>(d.on(OfferArrived{{"a"}, d.offer("a")})).size() == 1);
  offer = d.offer("a");
  offer.payload_sha256 = "another";
  CHECK(refused("a", offer) == ErrorCode::kDuplicate);
  CHECK(d.engine.open_round()->stored().size() == 1);
}

TEST_CASE("engine: at the deadline enough updates commit, late ones are stale") {
  EngineDriver d(rounds(2, 3, 2));
  start_training(d, {"a", "b", "c"});
  const auto timer = actions_of<SetTimer>(d.last).at(0).timer;
  d.update("a");
  d.update("c");
  CHECK(d.wait(50, timer).empty());  // an early timer decides nothing
  d.wait(51, timer);
  CHECK(actions_of<CommitRound>(d.last).at(0).contributors == std::vector<ClientId>{{"a"}, {"c"}});
  CHECK(sent<UpdateRejected>(d.on(OfferArrived{{"b"}, d.offer("b")})).at(0).second.code ==
        ErrorCode::kStale);
}

TEST_CASE(
    "engine: an update on its way to disk at the deadline is waited for, so that its acknowledgement "
    "holds") {
  EngineDriver d(rounds(2, 2, 1));
  start_training(d, {"a", "b"});
  const auto timer = actions_of<SetTimer>(d.last).at(0).timer;
  d.update("a");
  d.on(OfferArrived{{"b"}, d.offer("b")});
  d.on(UpdateArrived{{"b"}, d.offer("b")});
  CHECK(d.wait(101, timer).empty());
  d.on(UpdateStored{{"b"}, d.offer("b")});
  CHECK(actions_of<CommitRound>(d.last).at(0).contributors.size() == 2);
}

TEST_CASE(
    "engine: with too few updates the round opens again, keeps what it has and replaces who is gone") {
  EngineDriver d(rounds(2, 3));
  start_training(d, {"a", "b", "c"});
  const auto timer = actions_of<SetTimer>(d.last).at(0).timer;
  d.arrive("spare");
  d.update("a");
  d.on(ClientLost{{"a"}});  // gone, but its update is here
  d.on(ClientLost{{"b"}});
  d.wait(101, timer);
  CHECK(actions_of<RoundAbandoned>(d.last).size() == 1);
  CHECK(actions_of<RecordRoundOpened>(d.last).at(0).cohort ==
        std::vector<ClientId>{{"a"}, {"c"}, {"spare"}});
  const auto plans = sent<RoundPlan>(d.last);
  REQUIRE(plans.size() == 2);
  CHECK(plans[0].first == "c");
  CHECK(plans[1].first == "spare");
  d.update("c");
  d.update("spare");
  CHECK(actions_of<CommitRound>(d.last).at(0).contributors.size() == 3);
}

TEST_CASE("engine: a client that cannot train is left out; when all fail the round opens again") {
  EngineDriver d(rounds(2, 2));
  start_training(d, {"a", "b"});
  const auto timer = actions_of<SetTimer>(d.last).at(0).timer;
  d.on(TrainingFailedArrived{
      {"a"}, TrainingFailed{RoundId{9}, ErrorCode::kNumeric, ""}});  // of another round: nothing
  d.on(TrainingFailedArrived{{"a"}, TrainingFailed{RoundId{1}, ErrorCode::kNumeric, ""}});
  SUBCASE("the other one finishes") {
    d.update("b");
    CHECK(actions_of<CommitRound>(d.last).at(0).contributors == std::vector<ClientId>{{"b"}});
  }
  SUBCASE("it comes back and gets another chance") {
    CHECK(sent<RoundPlan>(d.arrive("a")).size() == 1);
    d.update("b");
    CHECK(actions_of<CommitRound>(d.last).empty());
    d.update("a");
    CHECK(actions_of<CommitRound>(d.last).at(0).contributors.size() == 2);
  }
  SUBCASE("nobody can: only the deadline opens it again, no busy loop") {
    CHECK(d.on(TrainingFailedArrived{{"b"}, TrainingFailed{RoundId{1}, ErrorCode::kNumeric, ""}})
              .empty());
    d.wait(101, timer);
    CHECK(actions_of<RoundAbandoned>(d.last).size() == 1);
    CHECK(sent<RoundPlan>(d.last).size() == 2);
  }
}

TEST_CASE("engine: a lost client is waited for and resumes; a revoked one is not") {
  EngineDriver d(rounds(2, 2));
  start_training(d, {"a", "b"});
  d.update("b");
  SUBCASE("lost") {
    CHECK(d.on(ClientLost{{"a"}}).empty());
    const auto plans = sent<RoundPlan>(d.arrive("a"));
    REQUIRE(plans.size() == 1);
    CHECK(plans[0].second.round == RoundId{1});
    d.update("a");
    CHECK(actions_of<CommitRound>(d.last).at(0).contributors.size() == 2);
  }
  SUBCASE("revoked") {
    d.on(ClientRevoked{{"a"}});
    CHECK(actions_of<CommitRound>(d.last).at(0).contributors == std::vector<ClientId>{{"b"}});
  }
  SUBCASE("revoked after its update came: not counted") {
    d.on(ClientRevoked{{"b"}});
    d.update("a");
    CHECK(actions_of<CommitRound>(d.last).at(0).contributors == std::vector<ClientId>{{"a"}});
  }
  SUBCASE("a contributor that says hello again waits") {
    d.on(ClientLost{{"b"}});
    CHECK(sent<Wait>(d.arrive("b")).size() == 1);
    CHECK(sent<RoundPlan>(d.last).empty());
  }
}

TEST_CASE("engine: an evaluation ends at its deadline with the reports it has") {
  EngineDriver d(rounds(1, 2));
  d.arrive("a");
  d.arrive("b");
  d.arrive("watcher", 0);  // no training data: evaluates, is never in a cohort
  CHECK(sent<RoundPlan>(d.last).size() == 1);
  const auto timer = std::uint64_t{1};
  d.evaluate("a");
  d.evaluate("a");  // again: counted once
  d.on(TrainingFailedArrived{{"watcher"}, TrainingFailed{RoundId{0}, ErrorCode::kNumeric, ""}});
  d.wait(101, timer);
  CHECK(actions_of<RecordEvaluation>(d.last).at(0).reports.size() == 1);
  CHECK(actions_of<RecordRoundOpened>(d.last).at(0).cohort == std::vector<ClientId>{{"a"}, {"b"}});
}

TEST_CASE("engine: a restart continues the open round with what was stored") {
  RunState state;
  state.version = AdapterVersion{3};
  state.last_committed = RoundId{3};
  state.open_cohort = {{"a"}, {"b"}};
  state.stored.emplace(ClientId{"a"}, offer_of({"a"}, RoundId{4}, AdapterVersion{3}));
  SUBCASE("one is missing") {
    EngineDriver d(rounds(5, 2), state);
    CHECK(sent<Wait>(d.arrive("a")).size() == 1);
    CHECK(sent<RoundPlan>(d.arrive("b")).at(0).second.round == RoundId{4});
    d.committed = RoundId{3};
    d.update("b");
    CHECK(actions_of<CommitRound>(d.last).at(0).contributors.size() == 2);
  }
  SUBCASE("all were there: the commit was interrupted") {
    state.stored.emplace(ClientId{"b"}, offer_of({"b"}, RoundId{4}, AdapterVersion{3}));
    const EngineDriver d(rounds(5, 2), state);
    CHECK(actions_of<CommitRound>(d.last).at(0).round == RoundId{4});
  }
  SUBCASE("after the last evaluation: the run is over at once") {
    state.evaluated = true;
    const EngineDriver d(rounds(3, 2), state);
    CHECK(actions_of<RunFinished>(d.last).size() == 1);
  }
  SUBCASE("before the last evaluation: it is asked for, and cannot hang") {
    EngineDriver d(rounds(3, 2), state);
    CHECK(d.engine.phase() == EnginePhase::kEvaluating);
    d.wait(101, actions_of<SetTimer>(d.last).at(0).timer);
    CHECK(d.engine.finished());
  }
}

TEST_CASE("cohort: depends on who is there and on the seed, not on who came first") {
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) names.push_back("c" + std::to_string(i));
  std::vector<std::vector<ClientId>> cohorts;
  for (const bool reversed : {false, true}) {
    EngineDriver d(rounds(1, 5));
    std::vector<std::string> order(names.rbegin(), names.rend());
    if (!reversed) order = names;
    // The round opens after an evaluation of everyone, so that all twenty are there.
    for (const auto& name : order) d.arrive(name);
    for (const auto& name : order) d.evaluate(name);
    cohorts.push_back(actions_of<RecordRoundOpened>(d.last).at(0).cohort);
  }
  CHECK(cohorts[0].size() == 5);
  CHECK(cohorts[0] == cohorts[1]);
}

TEST_CASE("engine: a commit that had nobody left to fold opens its round again") {
  EngineDriver d(rounds(1, 1));
  d.arrive("a");
  d.evaluate("a");
  d.arrive("b");
  const ClientId a{"a"};
  const UpdateOffer offer = offer_of(a, RoundId{1}, AdapterVersion{0});
  d.on(OfferArrived{a, offer});
  d.on(UpdateArrived{a, offer});
  d.on(UpdateStored{a, offer});
  REQUIRE(actions_of<CommitRound>(d.last).size() == 1);
  SUBCASE("revoked: another client takes its place") {
    d.on(ClientRevoked{a});
    d.on(CommitFailed{RoundId{1}, {}, {}});
    REQUIRE(sent<RoundPlan>(d.last).size() == 1);
    CHECK(sent<RoundPlan>(d.last)[0].first == "b");
  }
  SUBCASE("revoked, which is noticed later") {
    d.on(CommitFailed{RoundId{1}, {}, {}});
    d.on(ClientRevoked{a});
    CHECK(d.engine.phase() == EnginePhase::kTraining);
    CHECK(d.engine.open_round()->cohort() == std::vector<ClientId>{{"b"}});
  }
  SUBCASE("its update could not be folded: it is asked again") {
    d.on(CommitFailed{RoundId{1}, {a}, {}});
    CHECK(actions_of<RoundAbandoned>(d.last).size() == 1);
    REQUIRE(sent<RoundPlan>(d.last).size() == 1);
    CHECK(sent<RoundPlan>(d.last)[0].first == "a");
    d.on(OfferArrived{a, offer});
    CHECK(actions_of<RequestUpdate>(d.last).size() == 1);
  }
}
