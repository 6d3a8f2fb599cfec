#include "client/client_agent.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace fennec;

namespace {

const std::string kSha(64, '5');

RoundPlan plan_of(std::int64_t round, PlanKind kind = PlanKind::kTrain) {
  const std::int64_t version = kind == PlanKind::kTrain ? round - 1 : round;
  return {{round}, kind, {version}, 100, kSha, static_cast<std::uint64_t>(round) * 7, 60};
}
UpdateOffer offer_of(std::int64_t round) {
  UpdateOffer offer;
  offer.round = {round};
  offer.base_version = {round - 1};
  offer.payload_sha256 = std::string(64, static_cast<char>('0' + round));
  return offer;
}

/// The agent and everything it asked for so far.
struct Rig {
  explicit Rig(std::optional<UpdateOffer> outbox = std::nullopt)
      : agent("run", Hello{}, clock, std::move(outbox)) {}

  void operator()(const AgentEvent& event) {
    for (auto& action : agent.handle(event)) actions.push_back(std::move(action));
  }
  template <class M>
  void receive(M message) {
    (*this)(Received{Message(std::move(message))});
  }
  void connect() {
    (*this)(LinkUp{});
    receive(Welcome{kProtocol, "run", "", {0}});
  }
  void train(std::int64_t round) {
    receive(plan_of(round));
    (*this)(AdapterReady{{round - 1}});
    (*this)(TrainingDone{offer_of(round)});
  }
  template <class A>
  int count() const {
    return static_cast<int>(std::count_if(actions.begin(), actions.end(),
                                          [](const auto& a) { return std::holds_alternative<A>(a); }));
  }
  template <class M>
  int sent() const {
    return static_cast<int>(std::count_if(actions.begin(), actions.end(), [](const auto& a) {
      const auto* send = std::get_if<SendMessage>(&a);
      return send != nullptr && std::holds_alternative<M>(send->message);
    }));
  }
  std::uint64_t last_timer() const {
    std::uint64_t timer = 0;
    for (const auto& a : actions)
      if (const auto* set = std::get_if<SetAgentTimer>(&a)) timer = set->timer;
    return timer;
  }
  const Stop* stopped() const {
    for (const auto& a : actions)
      if (const auto* stop = std::get_if<Stop>(&a)) return stop;
    return nullptr;
  }

  ManualClock clock;
  ClientAgent agent;
  std::vector<AgentAction> actions;
};

}  // namespace

TEST_CASE("a round: hello, plan, adapter, training, offer, accepted") {
  Rig rig;
  rig.connect();
  CHECK(rig.sent<Hello>() == 1);
  rig.receive(plan_of(1));
  CHECK(rig.count<PrepareAdapter>() == 1);
  CHECK(rig.count<StartTraining>() == 0);
  rig.clock.advance_to(from_seconds(20));
  rig(AdapterReady{{0}});
  REQUIRE(rig.count<StartTraining>() == 1);
  CHECK(std::get<StartTraining>(rig.actions.back()).plan.deadline_s == doctest::Approx(40));
  rig(TrainingDone{offer_of(1)});
  CHECK(rig.sent<UpdateOffer>() == 1);
  CHECK(rig.count<DropUpdate>() == 0);
  rig.receive(UpdateAccepted{{1}, offer_of(1).payload_sha256});
  CHECK(rig.count<DropUpdate>() == 1);
  CHECK(rig.agent.pending_offer() == nullptr);
}

TEST_CASE("a repeated plan starts nothing twice, and offers a finished update again") {
  Rig rig;
  rig.connect();
  rig.receive(plan_of(1));
  rig.receive(plan_of(1));
  CHECK(rig.count<PrepareAdapter>() == 1);
  rig(AdapterReady{{0}});
  rig(AdapterReady{{0}});
  rig.receive(plan_of(1));
  CHECK(rig.count<StartTraining>() == 1);
  rig(TrainingDone{offer_of(1)});
  rig.receive(plan_of(1));
  CHECK(rig.sent<UpdateOffer>() == 2);
  CHECK(rig.count<PrepareAdapter>() == 1);
}

TEST_CASE(
    "an update finished while disconnected is offered when the coordinator asks or has nothing to do") {
  for (const bool asked : {true, false}) {
    Rig rig;
    rig.connect();
    rig.receive(plan_of(1));
    rig(AdapterReady{{0}});
    rig(LinkDown{});
    rig(TrainingDone{offer_of(1)});
    CHECK(rig.sent<UpdateOffer>() == 0);
    rig.connect();
    CHECK(rig.sent<UpdateOffer>() == 0);
    if (asked)
      rig.receive(plan_of(1));
    else
      rig.receive(Wait{5});
    CHECK(rig.sent<UpdateOffer>() == 1);
    CHECK(rig.count<StartTraining>() == 1);
  }
}

TEST_CASE("an update from an earlier life is offered, or dropped when its round has moved on") {
  Rig same(offer_of(3));
  same.connect();
  same.receive(plan_of(3));
  CHECK(same.sent<UpdateOffer>() == 1);
  CHECK(same.count<PrepareAdapter>() == 0);
  Rig moved_on(offer_of(3));
  moved_on.connect();
  moved_on.receive(plan_of(4));
  CHECK(moved_on.sent<UpdateOffer>() == 0);
  CHECK(moved_on.count<DropUpdate>() == 1);
  CHECK(moved_on.count<PrepareAdapter>() == 1);
}

TEST_CASE("a rejected update is dropped; other acknowledgements are not ours") {
  Rig rig;
  rig.connect();
  rig.train(2);
  rig.receive(UpdateAccepted{{2}, kSha});
  rig.receive(UpdateRejected{{1}, ErrorCode::kStale, ""});
  CHECK(rig.count<DropUpdate>() == 0);
  rig.receive(UpdateRejected{{2}, ErrorCode::kNumeric, "not finite"});
  CHECK(rig.count<DropUpdate>() == 1);
}

TEST_CASE("a plan of another round cancels the work at hand, whose result then counts for nothing") {
  Rig rig;
  rig.connect();
  rig.receive(plan_of(1));
  rig(AdapterReady{{0}});
  rig.receive(plan_of(2));
  CHECK(rig.count<CancelWork>() == 1);
  rig(TrainingDone{offer_of(1)});
  CHECK(rig.sent<UpdateOffer>() == 0);
  CHECK(rig.count<DropUpdate>() == 1);
  rig(AdapterReady{{1}});
  rig(TrainingDone{offer_of(2)});
  CHECK(rig.sent<UpdateOffer>() == 1);
}

TEST_CASE("an evaluation is reported, and again when asked again") {
  Rig rig;
  rig.connect();
  rig.receive(plan_of(2, PlanKind::kEvaluate));
  rig(AdapterReady{{2}});
  CHECK(rig.count<StartEvaluation>() == 1);
  EvaluationReport report;
  report.round = {2};
  report.version = {2};
  rig(EvaluationDone{report});
  CHECK(rig.sent<EvaluationReport>() == 1);
  rig.receive(plan_of(2, PlanKind::kEvaluate));
  CHECK(rig.sent<EvaluationReport>() == 2);
  CHECK(rig.count<StartEvaluation>() == 1);
}

TEST_CASE("silence after hello means a new connection; after a wait, a new hello") {
  Rig rig;
  rig(LinkUp{});
  rig(AgentTimerFired{rig.last_timer()});
  CHECK(rig.count<Reconnect>() == 1);
  rig.connect();
  rig.receive(Wait{30});
  const std::uint64_t timer = rig.last_timer();
  rig(AgentTimerFired{timer - 1});  // an older one
  CHECK(rig.sent<Hello>() == 2);
  rig(AgentTimerFired{timer});
  CHECK(rig.sent<Hello>() == 3);
  rig(LinkDown{});
  rig(AgentTimerFired{rig.last_timer()});
  CHECK(rig.count<Reconnect>() == 1);
}

TEST_CASE("failed work is reported; five failures in a row end the client") {
  Rig rig;
  rig.connect();
  for (int i = 1; i <= 5; ++i) {
    rig.receive(plan_of(1));
    rig(WorkFailed{{1}, {ErrorCode::kNumeric, "loss is not finite"}});
    CHECK(rig.sent<TrainingFailed>() == i);
    CHECK((rig.stopped() != nullptr) == (i == 5));
  }
  CHECK_FALSE(rig.stopped()->success);
}

TEST_CASE("finished ends in success; refused, or another run, in failure") {
  Rig done;
  done.connect();
  done.train(1);
  done.receive(Finished{{1}});
  REQUIRE(done.stopped() != nullptr);
  CHECK(done.stopped()->success);
  CHECK(done.count<DropUpdate>() == 1);
  const auto before = done.actions.size();
  done.connect();
  CHECK(done.actions.size() == before);

  Rig refused;
  refused(LinkUp{});
  refused.receive(Refused{ErrorCode::kMismatch, "other base"});
  CHECK_FALSE(refused.stopped()->success);

  Rig other;
  other(LinkUp{});
  other.receive(Welcome{kProtocol, "another", "", {0}});
  CHECK_FALSE(other.stopped()->success);
}
