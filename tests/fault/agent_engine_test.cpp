#include <doctest/doctest.h>

#include <map>
#include <set>
#include <utility>

#include "client/client_agent.h"
#include "coordinator/round_engine.h"

using namespace fennec;

namespace {

/// The real engine and the real agents on virtual time, over links that lose, repeat, reorder and
/// break, with crashes on both sides. Bulk transfers are taken as done once asked for over a live
/// session.
class World {
 public:
  World(std::uint64_t seed, int clients) : random_(Seed(seed).child("faults")) {
    config_.total = 3;
    config_.cohort_size = 3;
    config_.deadline_s = 100;
    restart_coordinator();
    for (int i = 0; i < clients; ++i) clients_["c" + std::to_string(i)];
    for (auto& [name, client] : clients_) restart(name);
  }

  bool run() {
    for (int steps = 0; !queue_.empty() && steps < 400000; ++steps) {
      auto node = queue_.extract(queue_.begin());
      clock_.advance_to(node.key());
      node.mapped()();
      if (finished_) return true;
    }
    return false;
  }

  // What the ledger holds at the end.
  std::map<std::int64_t, std::map<ClientId, UpdateOffer>> committed_;

 private:
  struct Client {
    std::unique_ptr<ClientAgent> agent;
    int life = 0, session = 0;  ///< events of an earlier life or session are void
    bool up = false;
    std::optional<UpdateOffer> outbox;  ///< survives a crash
  };

  void later(double seconds, std::function<void()> what) {
    queue_.emplace(clock_.now() + from_seconds(seconds), std::move(what));
  }

  // ---- the coordinator's host

  void restart_coordinator() {
    ++coordinator_life_;
    state_.stored = stored_;
    engine_ = std::make_unique<RoundEngine>(config_, "yaml", "run", Seed(1), clock_, state_);
    engine(EngineStarted{});
  }

  void crash_coordinator() {
    engine_.reset();
    ++coordinator_life_;
    for (auto& [name, client] : clients_) break_link(name);
    later(random_.uniform(0.1, 20), [this] { restart_coordinator(); });
  }

  void engine(const RoundEvent& event) {
    if (!engine_) return;
    for (const auto& action : engine_->handle(event)) {
      if (random_.uniform() < 0.003) return crash_coordinator();  // between any two actions
      std::visit([this](const auto& a) { act(a); }, action);
      if (!engine_) return;
    }
  }
  void engine_later(double seconds, RoundEvent event) {
    later(seconds, [this, event = std::move(event), life = coordinator_life_] {
      if (life == coordinator_life_) engine(event);
    });
  }

  void act(const SendTo& a) { deliver(a.client.name, a.message); }
  void act(const RequestUpdate& a) {
    Client& client = clients_.at(a.client.name);
    const bool there =
        client.up && client.outbox && client.outbox->payload_sha256 == a.offer.payload_sha256;
    if (there && random_.uniform() < 0.9)
      engine_later(random_.uniform(0.1, 5), UpdateArrived{a.client, a.offer});
  }
  void act(const SetTimer& a) { engine_later(to_seconds(a.after), TimerFired{a.timer}); }
  void act(const RecordRoundOpened& a) { state_.open_cohort = a.cohort; }
  void act(const StoreUpdate& a) {
    stored_[a.client] = a.offer;
    engine_later(0.1, UpdateStored{a.client, a.offer});
  }
  void act(const CommitRound& a) {
    const std::int64_t version = a.round.value;
    REQUIRE(committed_.count(version) == 0);
    for (const ClientId& client : a.contributors) {
      REQUIRE(stored_.count(client) == 1);
      CHECK(stored_[client].round == a.round);
      committed_[version][client] = stored_[client];
    }
    stored_.clear();
    state_ = RunState{{version}, 10, std::string(64, 'a'), a.round, false, {}, {}};
    engine_later(0.1, RoundCommitted{a.round, {version}, 10, std::string(64, 'a')});
  }
  void act(const RecordEvaluation&) { state_.evaluated = true; }
  void act(const RoundAbandoned&) {}
  void act(const RunFinished&) { finished_ = true; }
  template <class Secure>
  void act(const Secure&) {
    FAIL("updates come one by one here");
  }

  // ---- a client's host

  void restart(const std::string& name) {
    Client& client = clients_.at(name);
    ++client.life;
    Hello hello;
    hello.train_examples = 10;
    client.agent = std::make_unique<ClientAgent>("run", hello, clock_, client.outbox);
    connect_later(name);
  }
  void connect_later(const std::string& name) {
    agent_later(name, random_.uniform(0.1, 3), [this, name] {
      Client& client = clients_.at(name);
      if (client.up) return;
      if (!engine_) return connect_later(name);
      ++client.session;
      client.up = true;
      agent(name, LinkUp{});
    });
  }
  void break_link(const std::string& name) {
    Client& client = clients_.at(name);
    if (!client.up) return;
    client.up = false;
    ++client.session;
    if (engine_) engine_later(0.1, ClientLost{ClientId{name}});
    if (client.agent) agent(name, LinkDown{});
    connect_later(name);
  }
  void crash(const std::string& name) {
    Client& client = clients_.at(name);
    client.up = false;
    ++client.session;
    client.agent.reset();
    ++client.life;
    if (engine_) engine_later(0.1, ClientLost{ClientId{name}});
    later(random_.uniform(0.1, 30), [this, name] { restart(name); });
  }

  void agent_later(const std::string& name, double seconds, std::function<void()> what) {
    later(seconds, [this, name, what = std::move(what), life = clients_.at(name).life] {
      if (clients_.at(name).life == life && clients_.at(name).agent) what();
    });
  }
  void agent(const std::string& name, const AgentEvent& event) {
    Client& client = clients_.at(name);
    if (!client.agent) return;
    if (const auto* done = std::get_if<TrainingDone>(&event)) client.outbox = done->offer;
    const int life = client.life;
    for (const auto& action : client.agent->handle(event)) {
      if (random_.uniform() < 0.005) return crash(name);
      std::visit([&](const auto& a) { act(name, a); }, action);
      if (client.life != life) return;
    }
  }
  void event_later(const std::string& name, double seconds, AgentEvent event) {
    agent_later(name, seconds, [this, name, event = std::move(event)] { agent(name, event); });
  }

  void act(const std::string& name, const SendMessage& a) {
    if (!clients_.at(name).up) return;
    later(random_.uniform(0.05, 0.5),
          [this, name, message = a.message, session = clients_.at(name).session] {
            if (clients_.at(name).session == session) arrived(name, message);
          });
    if (random_.uniform() < 0.02) break_link(name);
  }
  void arrived(const std::string& name, const Message& message) {
    if (random_.uniform() < 0.03) return;  // lost
    const int times = random_.uniform() < 0.05 ? 2 : 1;
    for (int i = 0; i < times; ++i) {
      if (const auto* hello = std::get_if<Hello>(&message))
        engine(ClientArrived{ClientId{name}, *hello});
      if (const auto* offer = std::get_if<UpdateOffer>(&message))
        engine(OfferArrived{ClientId{name}, *offer});
      if (const auto* report = std::get_if<EvaluationReport>(&message))
        engine(EvaluationArrived{ClientId{name}, *report});
      if (const auto* failed = std::get_if<TrainingFailed>(&message))
        engine(TrainingFailedArrived{ClientId{name}, *failed});
    }
  }
  void deliver(const std::string& name, const Message& message) {
    if (!clients_.at(name).up || random_.uniform() < 0.03) return;
    const int times = random_.uniform() < 0.05 ? 2 : 1;
    for (int i = 0; i < times; ++i)  // each copy with a delay of its own: also reordered
      later(random_.uniform(0.05, 0.5), [this, name, message, session = clients_.at(name).session] {
        if (clients_.at(name).session == session) agent(name, Received{message});
      });
  }
  void act(const std::string& name, const PrepareAdapter& a) {
    event_later(name, random_.uniform(0.1, 2), AdapterReady{a.plan.version});
  }
  void act(const std::string& name, const StartTraining& a) {
    if (random_.uniform() < 0.02)
      return event_later(name, 1, WorkFailed{a.plan.round, {ErrorCode::kNumeric, "x"}});
    UpdateOffer offer;  // what a client makes of a plan depends on the plan alone
    offer.round = a.plan.round;
    offer.base_version = a.plan.version;
    offer.payload_sha256 = name + "/" + std::to_string(a.plan.seed);
    event_later(name, random_.uniform(1, 40), TrainingDone{offer});
  }
  void act(const std::string& name, const StartEvaluation& a) {
    EvaluationReport report;
    report.round = a.plan.round;
    report.version = a.plan.version;
    event_later(name, random_.uniform(1, 10), EvaluationDone{report});
  }
  void act(const std::string&, const CancelWork&) {
  }  // a host that is slow to cancel: results still come
  void act(const std::string& name, const DropUpdate& a) {
    auto& outbox = clients_.at(name).outbox;
    if (outbox && outbox->round == a.round) outbox.reset();
  }
  void act(const std::string& name, const SetAgentTimer& a) {
    event_later(name, to_seconds(a.after), AgentTimerFired{a.timer});
  }
  void act(const std::string& name, const Reconnect&) { break_link(name); }
  void act(const std::string& name, const Stop& a) {
    if (a.success) return;
    crash(name);  // five failures in a row: somebody starts it again
  }

  RandomStream random_;
  ManualClock clock_;
  RoundsConfig config_;
  std::multimap<TimePoint, std::function<void()>> queue_;
  std::map<std::string, Client> clients_;
  std::unique_ptr<RoundEngine> engine_;
  RunState state_;
  std::map<ClientId, UpdateOffer> stored_;
  int coordinator_life_ = 0;
  bool finished_ = false;
};

}  // namespace

TEST_CASE("every schedule of faults ends with each round committed once, from whole cohorts") {
  std::map<std::int64_t, std::map<ClientId, std::string>> seen;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    World world(seed, 3);
    REQUIRE(world.run());
    REQUIRE(world.committed_.size() == 3);
    for (const auto& [round, updates] : world.committed_) {
      CHECK(updates.size() <= 3);
      CHECK_FALSE(updates.empty());
      for (const auto& [client, offer] : updates) {
        CHECK(offer.base_version.value == round - 1);
        const auto [entry, fresh] = seen[round].emplace(client, offer.payload_sha256);
        CHECK((fresh || entry->second == offer.payload_sha256));  // the same bytes whatever happened
      }
    }
  }
}
